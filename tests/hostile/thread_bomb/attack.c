#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *wait_for_end(void *unused) { pause(); return unused; }
/* As its own control it makes 100 threads. */
int main(int argc, char **argv) {
    int made = 0, error = 0, most = argc > 1 ? 100 : 1000;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    pthread_t thread;
    while (made < most && !(error = pthread_create(&thread, &small, wait_for_end, 0))) made++;
    printf("%d threads, error %d\n", made, error);
    if (argc > 1) return made != most;
    return !(error == EAGAIN && made >= 8 && made < 33);
}
