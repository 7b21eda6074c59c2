#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static sigjmp_buf back;
static void died(int signal) { siglongjmp(back, signal); }
static unsigned long ticks(void) {
    unsigned low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (unsigned long)high << 32 | low;
}
int main(void) {
    int bad = 0;
    struct sigaction a = {.sa_handler = died};
    sigaction(SIGSEGV, &a, 0);
    sigaction(SIGILL, &a, 0);
    for (int counter = 0; counter < 4; counter++)
        if (sigsetjmp(back, 1) == 0) {
            unsigned low, high;
            __asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(counter));
            printf("counter %d reads\n", counter);
            bad = 1;
        }
    const char *devices[] = {"/dev/cpu/0/msr", "/dev/cpu/0/cpuid", "/dev/cpu_dma_latency", "/sys/devices/cpu", "/sys/bus/event_source/devices", "/sys/class/powercap"};
    for (int i = 0; i < 6; i++)
        if (open(devices[i], O_RDONLY) >= 0) { printf("%s opens\n", devices[i]); bad = 1; }
    /* Allowed, and what SECURITY.md calls a rest: runtimes read it. */
    unsigned long before = ticks();
    if (ticks() < before) { puts("the time stamp counter runs backwards"); bad = 1; }
    return bad;
}
