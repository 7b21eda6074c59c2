#include <string.h>
#include <unistd.h>
static char block[1 << 16];
/* As its own control it stops at 2 MiB. */
int main(int argc, char **argv) {
    memset(block, 'x', sizeof block);
    for (int i = 0; argc == 1 || i < 32; i++) if (write(1, block, sizeof block) < 0) return 1;
}
