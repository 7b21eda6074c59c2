#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
/* Another name for a file that is not ours: of the image, the input, the program behind us. */
int main(void) {
    char self[64];
    if (link("/bin/x", "/w/answer") == 0) { puts("linked a file of the image"); return 1; }
    if (linkat(AT_FDCWD, "/proc/self/fd/0", AT_FDCWD, "/w/answer", AT_SYMLINK_FOLLOW) == 0 ||
        linkat(0, "", AT_FDCWD, "/w/answer", AT_EMPTY_PATH) == 0) { puts("linked the input"); return 1; }
    if (link("/dev/zero", "/w/answer") == 0 || link("/proc/self/status", "/w/answer") == 0) { puts("linked a device or /proc"); return 1; }
    snprintf(self, sizeof self, "/proc/%d/exe", getppid() ? getppid() : 1);
    if (linkat(AT_FDCWD, self, AT_FDCWD, "/w/answer", AT_SYMLINK_FOLLOW) == 0) { puts("linked the parent's program"); return 1; }
    int f = open("/tmp/f", O_CREAT | O_WRONLY, 0644);
    write(f, "mine\n", 5);
    if (link("/tmp/f", "/w/answer") == 0) { puts("linked across mounts"); return 1; }
    f = open("/w/twice", O_CREAT | O_WRONLY, 0644);
    if (link("/w/twice", "/w/again") != 0) { perror("link"); return 1; }
    return 0;
}
