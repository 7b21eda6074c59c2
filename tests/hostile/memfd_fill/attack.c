#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>
static char block[1 << 20];
/* Many small ones, so that the file size limit has no say. As its own control it stops at 96 MiB. */
int main(int argc, char **argv) {
    int most = argc > 1 ? 12 : 128;
    for (int i = 0; i < most; i++) {
        int f = memfd_create("fill", 0);
        if (f < 0) return 1;
        for (int k = 0; k < 8; k++) if (write(f, block, sizeof block) != sizeof block) return 2;
    }
    return 0;
}
