#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* An orphan burns on while its parent ends with the right answer: once the orphan has used 30 ms. */
int main(void) {
    int told[2];
    char c;
    pipe(told);
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            setsid();
            while (clock() < CLOCKS_PER_SEC * 30 / 1000) {}
            write(told[1], "x", 1);
            for (volatile unsigned long i = 0;; i++) {}
        }
        _exit(0);
    }
    waitpid(child, 0, 0);
    read(told[0], &c, 1);
    puts("done");
    return 0;
}
