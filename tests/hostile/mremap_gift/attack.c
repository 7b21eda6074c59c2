#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#define SIZE (1L << 20)
static char *fresh(void) {
    char *memory = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) memset(memory, 1, SIZE);
    return memory;
}
/* Each turn leaves 1 MiB moved away, 1 MiB touched again, 64 KiB given to a pipe. As its own control 40 turns. */
int main(int argc, char **argv) {
    int turns = argc > 1 ? 40 : 120;
    for (int i = 0; i < turns; i++) {
        int p[2];
        char *memory = fresh();
        if (memory == MAP_FAILED || pipe2(p, O_NONBLOCK)) return 1;
        struct iovec gift = {memory, 1 << 16};
        if (vmsplice(p[1], &gift, 1, SPLICE_F_GIFT | SPLICE_F_NONBLOCK) <= 0) return 2;
        /* The raw call: older C libraries pass rubbish as its fifth argument. */
        if (syscall(SYS_mremap, memory, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0) == -1) return 3;
        memset(memory, 1, SIZE);
    }
    return 0;
}
