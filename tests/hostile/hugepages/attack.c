#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>
#define HUGE (2L << 20)
int main(void) {
    int both = PROT_READ | PROT_WRITE;
    if (mmap(0, HUGE, both, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) != MAP_FAILED) return puts("mmap"), 1;
    int f = memfd_create("huge", MFD_HUGETLB);
    if (f >= 0 && ftruncate(f, HUGE) == 0 && mmap(0, HUGE, both, MAP_SHARED, f, 0) != MAP_FAILED) return puts("memfd"), 1;
    if (shmget(IPC_PRIVATE, HUGE, IPC_CREAT | SHM_HUGETLB | 0600) >= 0) return puts("shmget"), 1;
    char *memory = mmap(0, 4 * HUGE, both, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, 4 * HUGE, MADV_HUGEPAGE);
    memset(memory, 1, 4 * HUGE);
    return 0;
}
