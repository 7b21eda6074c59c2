#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    pid_t parent = getppid(), child, orphan = 0;
    int told[2];
    kill(parent > 0 ? parent : 1, SIGSTOP);
    kill(1, SIGTSTP);
    /* A stopped init would reap no orphan. */
    if (pipe(told)) return 1;
    if ((child = fork()) == 0) {
        if ((orphan = fork()) > 0) write(told[1], &orphan, sizeof orphan);
        _exit(0);
    }
    waitpid(child, 0, 0);
    if (read(told[0], &orphan, sizeof orphan) != sizeof orphan) return 2;
    for (int i = 0; kill(orphan, 0) == 0; i++) {
        if (i == 5000) { puts("the init is stopped"); return 3; }
        usleep(1000);
    }
    if (fork() == 0) { kill(getppid(), SIGSTOP); for (;;) pause(); }
    /* Stopped here. Whoever takes a stop for an end finds no limit that fired. */
    for (;;) pause();
}
