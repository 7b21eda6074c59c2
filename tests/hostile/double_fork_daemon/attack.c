#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
/* An orphan burns on while its parent ends with the right answer. */
int main(void) {
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) { setsid(); for (volatile unsigned long i = 0;; i++) {} }
        _exit(0);
    }
    waitpid(child, 0, 0);
    usleep(50000);
    puts("done");
    return 0;
}
