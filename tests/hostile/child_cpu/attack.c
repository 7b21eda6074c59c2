#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    if (fork() == 0) { if (fork() == 0) for (volatile unsigned long i = 0;; i++) {} _exit(0); }
    wait(0);
    for (;;) sleep(1000);
}
