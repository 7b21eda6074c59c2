#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    struct sched_param one = {1};
    struct { unsigned size, policy; unsigned long flags; int nice; unsigned priority; unsigned long run, dead, period; }
        deadline = {48, 6, 0, 0, 0, 10000000, 30000000, 30000000};
    if (sched_setscheduler(0, SCHED_RR, &one) == 0) return puts("SCHED_RR"), 1;
    if (sched_setscheduler(0, SCHED_FIFO, &one) == 0) return puts("SCHED_FIFO"), 1;
    if (syscall(SYS_sched_setattr, 0, &deadline, 0) == 0) return puts("SCHED_DEADLINE"), 1;
    if (setpriority(PRIO_PROCESS, 0, -20) == 0) return puts("nice"), 1;
    if (syscall(SYS_ioprio_set, 1, 0, 1 << 13) == 0) return puts("ioprio"), 1;
    return sched_getscheduler(0) == SCHED_OTHER ? 0 : (puts("class"), 1);
}
