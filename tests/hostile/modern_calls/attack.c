#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
static int bad;
static void works(const char *what, long result) {
    if (result < 0) { printf("%s: %s\n", what, strerror(errno)); bad = 1; }
}
int main(void) {
    char buffer[256];
    works("membarrier", syscall(SYS_membarrier, 0, 0, 0));
    works("getrandom", syscall(SYS_getrandom, buffer, 8, 0));
    works("statx", syscall(SYS_statx, -100, ".", 0, 0xfff, buffer));
    works("faccessat2", syscall(439, -100, ".", 0, 0));
    works("close_range", syscall(436, 1000, 1001, 0));
    if (syscall(435, 0, 0) != -1 || errno != ENOSYS) { puts("clone3 is not absent"); bad = 1; }
    /* rseq is registered by the C library already; landlock, keys, seals and the rest may be absent, not deadly. */
    syscall(334, buffer, 32, 0, 0);
    syscall(444, 0, 0, 1);
    long key = syscall(330, 0, 0);
    if (key >= 0) syscall(331, key);
    void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    syscall(462, page, 4096, 0);
    const int others[] = {434, 437, 441, 449, 450, 451, 452, 453, 454, 455, 456, 457, 458, 459, 460, 461, 463, 464, 465, 466, 468, 469, 470, 480, 500};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        long r = syscall(others[i], -1, 0, 0, 0, 0, 0);
        if (r < -1) { printf("%d gave %ld\n", others[i], r); bad = 1; }
    }
    return bad;
}
