#include <stdio.h>
#include <sys/mman.h>
int main(void) {
    char *p = mmap(0, 1ul << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) { puts("refused"); return 1; }
    p[123] = 1;
    return 0;
}
