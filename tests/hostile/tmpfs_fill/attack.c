#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
static char block[1 << 16];
int main(void) {
    int f = open("/tmp/fill", O_CREAT | O_WRONLY, 0600);
    while (write(f, block, sizeof block) > 0) {}
    return errno == ENOSPC ? 0 : (perror("write"), 1);
}
