#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
/* A file that says it is as large as may be and holds nothing; the disk limit here is 4 MiB, a file's 1 GiB. */
int main(void) {
    signal(SIGXFSZ, SIG_IGN);
    int f = open("/w/answer", O_CREAT | O_RDWR, 0644);
    if (ftruncate(f, 0x7fffffffffffffff) == 0) { puts("a file of 8 EiB"); return 1; }
    if (ftruncate(f, 10L << 40) == 0) { puts("a file of 10 TiB"); return 1; }
    if (fallocate(f, 0, 0, 1L << 30) == 0) { puts("1 GiB of a disk of 4 MiB"); return 1; }
    if (fallocate(f, FALLOC_FL_KEEP_SIZE, 0, 16 << 20) == 0) { puts("16 MiB of a disk of 4 MiB"); return 1; }
    if (ftruncate(f, 1L << 30) != 0) { perror("ftruncate to the limit"); return 1; }
    if (pwrite(f, "x", 1, 1L << 30) >= 0 || errno != EFBIG) { perror("a byte beyond the limit"); return 1; }
    if (pwrite(f, "x", 1, (1L << 30) - 1) != 1) { perror("the last byte"); return 1; }
    return 0;
}
