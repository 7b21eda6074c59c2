#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
/* What would change the image, or what overlayfs believes of it. */
int main(void) {
    const char *names[] = {"trusted.overlay.opaque", "trusted.overlay.redirect", "trusted.overlay.metacopy", "trusted.overlay.origin",
        "user.overlay.opaque", "user.overlay.redirect", "user.overlay.metacopy", "security.selinux", "system.posix_acl_access"};
    const char *paths[] = {"/", "/bin", "/bin/x"};
    char value[256];
    for (unsigned p = 0; p < 3; p++)
        for (unsigned n = 0; n < sizeof names / sizeof *names; n++) {
            if (setxattr(paths[p], names[n], "y", 1, 0) == 0 || removexattr(paths[p], names[n]) == 0) { printf("%s of %s can be set\n", names[n], paths[p]); return 1; }
            if (n < 7 && getxattr(paths[p], names[n], value, sizeof value) >= 0) { printf("%s of %s can be read\n", names[n], paths[p]); return 1; }
        }
    for (unsigned n = 0; n < 4; n++)
        if (setxattr("/w", names[n], "y", 1, 0) == 0) { printf("%s can be set in /w\n", names[n]); return 1; }
    int f = open("/w/new", O_CREAT | O_WRONLY, 0644);
    if (rename("/bin/x", "/bin/y") == 0 || rename("/bin", "/w/bin") == 0 || rename("/w/new", "/bin/x") == 0 || link("/bin/x", "/bin/y") == 0) { puts("renamed"); return 1; }
    for (unsigned flags = 0; flags < 8; flags++)
        if (syscall(SYS_renameat2, AT_FDCWD, "/bin/x", AT_FDCWD, "/bin/y", flags) == 0) { printf("renamed by %u\n", flags); return 1; }
    if (mknod("/w/hidden", S_IFCHR, makedev(0, 0)) == 0 || mknod("/bin/hidden", S_IFCHR, makedev(0, 0)) == 0) { puts("made a whiteout"); return 1; }
    if (unlink("/bin/x") == 0 || rmdir("/bin") == 0 || truncate("/bin/x", 0) == 0 || chmod("/bin/x", 0777) == 0 || chown("/bin/x", 1000, 1000) == 0 ||
        utimensat(AT_FDCWD, "/bin/x", 0, 0) == 0 || open("/bin", O_TMPFILE | O_RDWR, 0600) >= 0) { puts("the image changes"); return 1; }
    f = open("/bin/x", O_RDONLY);
    if (f < 0 || read(f, value, sizeof value) != 13 || futimens(f, 0) == 0 || fchmod(f, 0777) == 0 || fallocate(f, 0, 0, 4096) == 0) { puts("the file changes by descriptor"); return 1; }
    return 0;
}
