#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
static char stacks[1000][4096] __attribute__((aligned(16)));
static int wait_for_end(void *unused) { for (;;) pause(); return unused != 0; }
/* As its own control it makes 100 threads. */
int main(int argc, char **argv) {
    int made = 0, most = argc > 1 ? 100 : 1000;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    while (made < most && clone(wait_for_end, stacks[made] + 4096, flags, 0) > 0) made++;
    int error = errno;
    printf("%d threads, errno %d\n", made, error);
    fflush(stdout);
    if (argc > 1) return made != most;
    return !(error == EAGAIN && made >= 8 && made < 33);
}
