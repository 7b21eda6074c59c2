#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* A pipe that signals `owner` with SIGKILL when something is written; 0 when it was taken. */
static int armed(int pipe_ends[2], int owner) {
    if (pipe(pipe_ends)) return -1;
    fcntl(pipe_ends[0], F_SETSIG, SIGKILL);
    if (fcntl(pipe_ends[0], F_SETOWN, owner)) return -1;
    return fcntl(pipe_ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
}
int main(int argc, char **argv) {
    int ends[2];
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) {
        int status;
        pid_t child = fork();
        if (child == 0) { pause(); _exit(0); }
        if (armed(ends, child) || write(ends[1], "x", 1) != 1) return 1;
        waitpid(child, &status, 0);
        return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    /* The init may be named and is not signalled: it is another user. Its death would end us all. */
    if (armed(ends, 1) == 0) write(ends[1], "x", 1);
    /* Its own streams are the worker's pipes: owners there are of this box too. */
    for (int fd = 0; fd < 3; fd++) {
        fcntl(fd, F_SETSIG, SIGKILL);
        fcntl(fd, F_SETOWN, 1);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
    }
    write(2, "x", 1);
    for (int pid = 2; pid < 5000; pid++)
        if (pid != getpid() && (fcntl(ends[0], F_SETOWN, pid) == 0 || errno != ESRCH)) { printf("process %d exists\n", pid); return 1; }
    usleep(20000);
    return 0;
}
