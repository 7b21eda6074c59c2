#include <sys/wait.h>
#include <unistd.h>
/* Whoever waits for the pipe to close, and not for the program to end, gets the late line too. */
int main(void) {
    pid_t parent = getpid();
    if (fork() == 0) {
        while (getppid() == parent) usleep(1000);
        sleep(1);
        for (int i = 0; i < 1000; i++) write(1, "late\n", 5);
        _exit(0);
    }
    write(1, "the answer\n", 11);
    return 0;
}
