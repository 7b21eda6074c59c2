#include <stdio.h>
#include <stdlib.h>
/* Recurses so many pages of 4 KiB deep. */
static long deeper(volatile char *above, long left) {
    volatile char here[4096];
    here[0] = above[0];
    return left == 0 ? here[0] : deeper(here, left - 1) + here[0];
}
int main(int argc, char **argv) {
    volatile char first = 0;
    long mebibytes = argc > 1 ? atol(argv[argc - 1]) : 40;
    /* A frame is a page and what the compiler adds. */
    if (deeper(&first, mebibytes * 250) != 0) return 1;
    puts("back");
    return 0;
}
