#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#define PAGES 1000000L
int main(void) {
    char *memory = mmap(0, PAGES * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return 9;
    long page = 0;
    while (page < PAGES && mprotect(memory + page * 4096, 4096, PROT_READ) == 0) page += 2;
    printf("%ld mappings, errno %d\n", page, errno);
    return !(page < PAGES && errno == ENOMEM);
}
