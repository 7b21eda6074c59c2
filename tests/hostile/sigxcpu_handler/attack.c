#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
static void caught(int s) { (void)s; write(1, "caught\n", 7); }
/* Told its limit in milliseconds: whole seconds of it are its own. */
int main(int argc, char **argv) {
    struct rlimit limit;
    getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = atol(argv[argc - 1]) / 1000;
    signal(SIGXCPU, caught);
    if (setrlimit(RLIMIT_CPU, &limit)) return 1;
    for (;;) {}
}
