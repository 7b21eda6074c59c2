#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* An orphan burns on while its parent, told that 30 ms are burnt, ends with the right answer. */
int main(void) {
    int told[2];
    char byte;
    if (pipe(told)) return 1;
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            struct timespec used = {0};
            setsid();
            while (used.tv_sec == 0 && used.tv_nsec < 30000000) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
            if (write(told[1], "b", 1) != 1) _exit(1);
            for (volatile unsigned long i = 0;; i++) {}
        }
        _exit(0);
    }
    waitpid(child, 0, 0);
    if (read(told[0], &byte, 1) != 1) return 1;
    puts("done");
    return 0;
}
