#include <pthread.h>
#include <time.h>
static long limit;
/* Each of four threads stays far below the limit by itself. */
static void *spin(void *unused) {
    struct timespec now;
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < limit);
    return unused;
}
int main(void) {
    pthread_t thread[4];
    limit = 200;
    for (int i = 0; i < 4; i++) if (pthread_create(&thread[i], 0, spin, 0)) return 1;
    for (int i = 0; i < 4; i++) pthread_join(thread[i], 0);
    return 0;
}
