#include <string.h>
#include <sys/mman.h>
/* 63 of 64 MiB; the program itself is below one. */
int main(void) {
    long size = 63L << 20;
    char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 1;
    memset(memory, 1, size);
    return memory[size - 1] != 1;
}
