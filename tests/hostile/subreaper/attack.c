#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) return 1;
    int told[2];
    pid_t self = getpid();
    if (pipe(told)) return 2;
    pid_t child = fork();
    if (child == 0) {
        pid_t between = getpid();
        if (fork() == 0) {
            setsid();
            for (int s = 1; s < NSIG; s++) signal(s, SIG_IGN);
            while (getppid() == between) usleep(1000);
            write(told[1], getppid() == self ? "y" : "n", 1);
            for (;;) pause();
        }
        _exit(0);
    }
    waitpid(child, 0, 0);
    char answer = 0;
    if (read(told[0], &answer, 1) != 1 || answer != 'y') return 3;
    puts("collected");
    return 0;
}
