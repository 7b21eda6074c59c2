#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
static int make(int kind) {
    sigset_t none;
    sigemptyset(&none);
    switch (kind) {
        case 0: return epoll_create1(0);
        case 1: return eventfd(0, 0);
        case 2: return signalfd(-1, &none, 0);
        case 3: return timerfd_create(CLOCK_MONOTONIC, 0);
        default: return inotify_init1(0);
    }
}
/* Each kind until the kernel refuses, the watchers last; those are held for a second. */
int main(void) {
    for (int kind = 0; kind < 5; kind++) {
        int made = 0;
        while (made < 10000 && make(kind) >= 0) made++;
        if (made == 10000 || errno != EMFILE) { printf("kind %d: %d, errno %d\n", kind, made, errno); return 1; }
        if (kind == 4) sleep(1);
        for (int fd = 3; fd < 10000; fd++) close(fd);
    }
    return 0;
}
