#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
static char block[1 << 16];
int main(int argc, char **argv) {
    int control = argc > 1;
    int f = open("/tmp/fill", O_CREAT | O_WRONLY, 0600);
    /* As its own control it finds room for twice the limit. */
    for (int i = 0; write(f, block, sizeof block) > 0; i++) if (control && i == 256) return 0;
    if (control) return 1;
    return errno == ENOSPC ? 0 : (perror("write"), 1);
}
