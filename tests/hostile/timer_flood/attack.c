#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
/* As its own control it makes 1100 timers. */
int main(int argc, char **argv) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct itimerspec often = {{0, 100000000}, {0, 100000000}};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, 0);
    int made = 0, most = argc > 1 ? 1100 : 100000;
    timer_t timer;
    while (made < most && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) {
        timer_settime(timer, 0, &often, 0);
        made++;
    }
    printf("%d timers, errno %d\n", made, errno);
    if (argc > 1) return made != most;
    if (made > 1024 || errno != EAGAIN) return 1;
    struct itimerval storm = {{0, 100}, {0, 100}};
    setitimer(ITIMER_REAL, &storm, 0);
    int files = 0;
    while (files < 100000 && timerfd_create(CLOCK_MONOTONIC, 0) >= 0) files++;
    return !(files < 1000 && errno == EMFILE);
}
