#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static int is(const char *path, const char *want) {
    char got[4096] = {0};
    readlink(path, got, sizeof got - 1);
    if (strncmp(got, want, strlen(want)) == 0) return 1;
    printf("%s is %s\n", path, got);
    return 0;
}
/* The input is a file of the host here: not its path, its inode nor its neighbours may be seen from within. */
int main(void) {
    char cwd[4096] = {0}, want[4][16] = {"/memfd:", "pipe:", "pipe:"};
    struct stat root, up, in;
    if (!getcwd(cwd, sizeof cwd) || strcmp(cwd, "/w")) { printf("in %s\n", cwd); return 1; }
    if (!is("/proc/self/cwd", "/w") || !is("/proc/self/root", "/") || !is("/proc/self/exe", "/w/program")) return 1;
    for (int i = 0; i < 3; i++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", i);
        if (!is(path, want[i])) return 1;
        snprintf(path, sizeof path, "/proc/self/fd/%d/..", i);
        if (open(path, O_PATH) >= 0 || openat(i, "..", O_PATH) >= 0) { printf("a way up from %d\n", i); return 1; }
    }
    stat("/", &root), stat("/../../../..", &up), fstat(0, &in);
    if (root.st_ino != up.st_ino || root.st_dev != up.st_dev) { puts("above the root"); return 1; }
    if (in.st_nlink != 0) { puts("the input has a name somewhere"); return 1; }
    char text[64] = {0};
    if (read(0, text, sizeof text - 1) != 15 || strcmp(text, "pristine input\n")) { puts("another input"); return 1; }
    return 0;
}
