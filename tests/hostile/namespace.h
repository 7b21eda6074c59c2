/* A new namespace of one kind, by every call that can make one. clone and clone3 must be refused; unshare is the
 * last, because the box does not survive it: what was printed before tells that the refusals came first. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static int make_namespace(unsigned long kind, int control) {
    if (control) return unshare(kind) == 0 ? 0 : (perror("unshare"), 1);
    /* A size the kernel has, had, and may have one day (CLONE_ARGS_SIZE_VER0 to VER2, a page). */
    static const size_t sizes[] = {64, 80, 88, 96, 4096, 0, 63, 4097};
    static unsigned long args[1024];
    unsigned long extra[] = {0, CLONE_NEWUSER, CLONE_VM, CLONE_VM | CLONE_VFORK, 1UL << 32};
    for (unsigned i = 0; i < sizeof extra / sizeof *extra; i++) {
        /* The low byte of clone's flags is the signal, and CLONE_NEWTIME lies in it. */
        long r = syscall(SYS_clone, kind | extra[i] | (kind == CLONE_NEWTIME ? 0 : SIGCHLD), 0, 0, 0, 0);
        if (r == 0) _exit(0);
        if (r > 0 || errno != EPERM) { printf("clone %d gave %ld, errno %d\n", i, r, errno); return 1; }
    }
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(args, 0, sizeof args);
        args[0] = kind;
        args[4] = SIGCHLD;
        long r = syscall(435 /* clone3 */, args, sizes[i]);
        if (r == 0) _exit(0);
        if (r > 0 || errno != ENOSYS) { printf("clone3 of %zu bytes gave %ld, errno %d\n", sizes[i], r, errno); return 1; }
    }
    puts("refused");
    fflush(stdout);
    long r = unshare(kind);
    printf("unshare gave %ld, errno %d\n", r, errno);
    return 1;
}
