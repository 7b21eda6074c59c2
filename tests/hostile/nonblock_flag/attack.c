#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
/* Flags and owners of the descriptors shared with the judge, then more than a pipe holds. */
int main(void) {
    static char block[4096];
    int owners[] = {1, getppid(), -1, -getpgrp(), 2};
    signal(SIGIO, SIG_IGN), signal(SIGKILL, SIG_IGN);
    for (int fd = 0; fd < 3; fd++) {
        fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC | O_DIRECT | O_APPEND);
        fcntl(fd, F_SETSIG, SIGRTMIN + 5);
        for (unsigned i = 0; i < sizeof owners / sizeof *owners; i++) fcntl(fd, F_SETOWN, owners[i]);
        fcntl(fd, F_SETOWN, 0);
        ioctl(fd, FIONBIO, &(int){1});
        ioctl(fd, FIOASYNC, &(int){1});
    }
    for (int left = 300000; left > 0;) {
        ssize_t n = write(1, block, left < 4096 ? left : 4096);
        if (n > 0) left -= n;
        else if (errno == EAGAIN) poll(&(struct pollfd){1, POLLOUT, 0}, 1, -1);
        else { perror("write"); return 1; }
    }
    return 0;
}
