#include <time.h>
#include <unistd.h>
static long spent(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
/* 3 ms of work, 4 ms of sleep, 100 times: 300 ms of cpu time. */
int main(void) {
    for (int i = 0; i < 100; i++) {
        for (long begun = spent(); spent() < begun + 3000;) {}
        usleep(4000);
    }
    return 0;
}
