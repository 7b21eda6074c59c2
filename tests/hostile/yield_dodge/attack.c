#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static long spent(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
/* 3 ms of work, 4 ms of sleep, until one and a half times the limit, which it is told in milliseconds. */
int main(int argc, char **argv) {
    for (int i = atol(argv[argc - 1]) / 2; i > 0; i--) {
        for (long begun = spent(); spent() < begun + 3000;) {}
        usleep(4000);
    }
    return 0;
}
