#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
static void caught(int s) { (void)s; write(1, "caught\n", 7); }
int main(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = 1;
    signal(SIGXCPU, caught);
    if (setrlimit(RLIMIT_CPU, &limit)) return 1;
    for (;;) {}
}
