#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
/* The old ways up: by many dots, by a descriptor from before, by another's root; then chroot itself. */
int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) return mkdir("c", 0755) == 0 && chroot("c") == 0 ? 0 : (perror("chroot"), 1);
    struct stat root, other;
    char up[4096] = "";
    stat("/", &root);
    for (int i = 0; i < 300; i++) strcat(up, "../");
    int dir = open("/", O_RDONLY | O_DIRECTORY);
    if (fstatat(dir, up, &other, 0) != 0 || other.st_ino != root.st_ino || other.st_dev != root.st_dev) { puts("dots lead out"); return 1; }
    if (fchdir(dir) != 0 || chdir(up) != 0 || stat(".", &other) != 0 || other.st_ino != root.st_ino) { puts("fchdir leads out"); return 1; }
    if (stat("/proc/self/root/..", &other) != 0 || other.st_ino != root.st_ino) { puts("/proc leads out"); return 1; }
    if (open("/proc/1/root", O_PATH) >= 0 || open("/proc/1/cwd", O_PATH) >= 0) { puts("the init's root opens"); return 1; }
    /* Directories moved from under a walk (CVE-2015-2925 and its like). */
    mkdir("/w/a", 0755), mkdir("/w/a/b", 0755), mkdir("/w/c", 0755);
    int deep = open("/w/a/b", O_RDONLY | O_DIRECTORY);
    rename("/w/a/b", "/w/c/b");
    if (fstatat(deep, up, &other, 0) != 0 || other.st_ino != root.st_ino) { puts("a moved directory leads out"); return 1; }
    puts("closed");
    fflush(stdout);
    int r = chroot("/w/c");
    printf("chroot gave %d, errno %d\n", r, errno);
    return 1;
}
