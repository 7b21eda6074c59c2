#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
/* What was said stays said: nothing rewinds, cuts or overwrites it. */
int main(void) {
    write(1, "one\n", 4);
    if (lseek(1, 0, SEEK_SET) >= 0 || ftruncate(1, 0) == 0 || pwrite(1, "X", 1, 0) > 0) { puts("rewound"); return 1; }
    if (mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 1, 0) != MAP_FAILED) { puts("mapped"); return 1; }
    if (truncate("/proc/self/fd/1", 0) == 0 || truncate("/dev/stdout", 0) == 0) { puts("cut"); return 1; }
    int again = open("/proc/self/fd/1", O_WRONLY | O_TRUNC), dev = open("/dev/stdout", O_WRONLY | O_TRUNC | O_APPEND);
    if (again < 0 || dev < 0) { perror("open"); return 1; }
    write(again, "two\n", 4);
    lseek(dev, 0, SEEK_SET);
    write(dev, "three\n", 6);
    return 0;
}
