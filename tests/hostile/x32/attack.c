#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) { printf("%ld\n", syscall(0x40000000 | SYS_getpid)); return 0; }
