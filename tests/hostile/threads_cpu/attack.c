#include <pthread.h>
#include <stdlib.h>
#include <time.h>
static long limit;
/* Each of four threads stays far below the limit by itself, which it is told in milliseconds. */
static void *spin(void *unused) {
    struct timespec now;
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < limit);
    return unused;
}
int main(int argc, char **argv) {
    pthread_t thread[4];
    limit = atol(argv[argc - 1]) / 2;
    for (int i = 0; i < 4; i++) if (pthread_create(&thread[i], 0, spin, 0)) return 1;
    for (int i = 0; i < 4; i++) pthread_join(thread[i], 0);
    return 0;
}
