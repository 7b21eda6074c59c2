#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
static char block[4096];
static long fill(const char *path) {
    int f = open(path, O_CREAT | O_WRONLY, 0600);
    long total = 0;
    while (f >= 0 && total < (64 << 20) && write(f, block, sizeof block) == sizeof block) total += sizeof block;
    return total;
}
/* The three writable places share one cap, and nothing else can be written: there is no upper of an overlay. */
int main(int argc, char **argv) {
    (void)argv;
    const char *closed[] = {"/x", "/bin/x", "/bin/y", "/dev/x", "/dev/null/x", "/proc/x", "/proc/self/x", "/etc/x",
        "/usr/x", "/var/tmp/x", "/run/x", "/sys/x"};
    for (unsigned i = 0; i < sizeof closed / sizeof *closed; i++)
        if (open(closed[i], O_CREAT | O_WRONLY, 0600) >= 0) { printf("%s can be written\n", closed[i]); return 1; }
    struct stat own;
    stat("/w/program", &own);
    long cap = argc > 1 ? 8 << 20 : 4 << 20, total = own.st_blocks * 512L;
    long first = fill("/w/a");
    if (total + first != cap) { printf("%ld of %ld bytes in one file\n", total + first, cap); return 1; }
    if (fill("/tmp/b") + fill("/dev/shm/c") != 0) { puts("another cap for another directory"); return 1; }
    truncate("/w/a", first / 2);
    long again = fill("/dev/shm/d") + fill("/tmp/e");
    if (again != first - first / 2 / 4096 * 4096 - (first / 2 % 4096 ? 4096 : 0)) { printf("%ld bytes came free\n", again); return 1; }
    return 0;
}
