#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
static char block[1 << 16];
/* As its own control it writes 16 MiB. */
int main(int argc, char **argv) {
    int f = open("/dev/shm/fill", O_CREAT | O_WRONLY, 0600), wrote = 0;
    if (f < 0) return perror("open"), 1;
    while (wrote < 256 && write(f, block, sizeof block) > 0) wrote++;
    if (argc > 1) return wrote != 256;
    printf("%d blocks\n", wrote);
    return !(wrote <= 128 && errno == ENOSPC);
}
