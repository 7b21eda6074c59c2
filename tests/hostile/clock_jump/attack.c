#include <stdio.h>
#include <time.h>
#include <unistd.h>
/* Looks until it has seen the host's clock jump, says so, and sleeps for ever. */
static long ahead(void) {
    struct timespec real, mono;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &mono);
    return real.tv_sec - mono.tv_sec;
}
int main(void) {
    long least = ahead(), most = least;
    while (most - least < 5400) {
        long now = ahead();
        if (now < least) least = now;
        if (now > most) most = now;
        usleep(20000);
    }
    puts("jumped");
    fflush(stdout);
    for (;;) sleep(1000);
}
