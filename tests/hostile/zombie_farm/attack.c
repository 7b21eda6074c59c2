#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
/* 200 orphans through a limit of 64 only works when somebody reaps them. As its own control it leaves 100 zombies. */
int main(int argc, char **argv) {
    for (int i = 0; argc == 1 && i < 200; i++) {
        pid_t child = -1;
        /* The init needs its turn: each try waits 1 ms, at most 4 s in all. */
        for (int t = 0; t < 4000 && (child = fork()) < 0; t++) usleep(1000);
        if (child == 0) _exit(fork() < 0 ? 1 : 0);
        if (child < 0) { printf("orphan %d was not reaped\n", i); return 1; }
        waitpid(child, 0, 0);
    }
    int made = 0, most = argc > 1 ? 100 : 200;
    pid_t child = 0;
    while (made < most && (child = fork()) > 0) made++;
    if (child == 0) _exit(0);
    printf("%d zombies\n", made);
    if (argc > 1) return made != most;
    return made >= 64 || errno != EAGAIN;
}
