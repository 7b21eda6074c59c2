#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
/* As its own control it locks 1 MiB. */
int main(int argc, char **argv) {
    char *memory = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 9;
    int locked = mlock(memory, 1 << 20) == 0;
    if (argc > 1) return !locked;
    if (locked) return puts("mlock"), 1;
    if (mlock2(memory, 1 << 20, MLOCK_ONFAULT) == 0) return puts("mlock2"), 1;
    if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0) return puts("mlockall"), 1;
    void *more = mmap(0, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    return more == MAP_FAILED ? 0 : (puts("MAP_LOCKED"), 1);
}
