#include <stdio.h>
int main(void) {
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "0"(20) : "memory");
    printf("int 0x80 gave %ld\n", r);
    return 0;
}
