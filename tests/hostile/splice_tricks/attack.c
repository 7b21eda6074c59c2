#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>
/* Ways to fill stdout without a write, from a pipe made as large as may be. */
int main(void) {
    static char block[1 << 16];
    int pipes[2], file = memfd_create("m", 0), zero = open("/dev/zero", O_RDONLY);
    struct iovec gift = {block, sizeof block};
    pipe(pipes);
    fcntl(1, F_SETPIPE_SZ, 1 << 20);
    fcntl(pipes[1], F_SETPIPE_SZ, 1 << 20);
    write(file, block, sizeof block);
    long done[5] = {0};
    for (int round = 0; round < 4000; round++) {
        off_t at = 0;
        done[0] += vmsplice(pipes[1], &gift, 1, SPLICE_F_NONBLOCK) > 0;
        done[1] += tee(pipes[0], 1, sizeof block, 0) > 0;
        done[2] += splice(pipes[0], 0, 1, 0, sizeof block, 0) > 0;
        done[3] += sendfile(1, file, &at, sizeof block) > 0;
        done[4] += vmsplice(1, &gift, 1, 0) > 0;
        copy_file_range(file, &(off_t){0}, 1, 0, sizeof block, 0);
    }
    for (int i = 0; i < 5; i++) if (!done[i]) fprintf(stderr, "way %d is closed\n", i);
    return 1;
}
