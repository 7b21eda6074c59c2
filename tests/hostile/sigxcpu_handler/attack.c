#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
/* The kernel repeats the signal every second. */
static void caught(int s) {
    static int before;
    (void)s;
    if (!before++) write(1, "caught\n", 7);
}
/* Told its limit in milliseconds: half of its seconds, at least one, are its own. The kernel counts them by its ticks,
   of which a busy virtual machine loses some, so the limit has to be far above. */
int main(int argc, char **argv) {
    struct rlimit limit;
    getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = (atol(argv[argc - 1]) / 1000 + 1) / 2;
    signal(SIGXCPU, caught);
    if (setrlimit(RLIMIT_CPU, &limit)) return 1;
    for (;;) {}
}
