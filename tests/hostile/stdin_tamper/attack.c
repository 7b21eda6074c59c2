#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    if (write(0, "x", 1) > 0) { puts("wrote"); return !control; }
    if (ftruncate(0, 0) == 0) { puts("truncated"); return 1; }
    int f = open("/proc/self/fd/0", O_RDWR);
    if (f >= 0 && write(f, "x", 1) > 0) { puts("wrote through /proc"); return 1; }
    if (mmap(0, 4096, PROT_WRITE, MAP_SHARED, f >= 0 ? f : 0, 0) != MAP_FAILED) { puts("mapped"); return 1; }
    return control;
}
