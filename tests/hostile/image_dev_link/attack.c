#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
/* The image under this box has links at /dev, /proc, /w and /tmp, device nodes of its own, and files made to look
 * as if other layers were hidden or others' shown. What is mounted must be what we see. */
int main(void) {
    struct { const char *path; long type; } places[] = {{"/w", 0x01021994}, {"/tmp", 0x01021994}, {"/dev", 0x01021994}, {"/dev/shm", 0x01021994}, {"/proc", 0x9fa0}};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        struct stat meta;
        struct statfs fs;
        if (lstat(places[i].path, &meta) != 0 || !S_ISDIR(meta.st_mode)) { printf("%s is no directory\n", places[i].path); return 1; }
        if (statfs(places[i].path, &fs) != 0 || fs.f_type != places[i].type) { printf("%s is something else\n", places[i].path); return 1; }
    }
    const char *nodes[] = {"/bin/mem", "/bin/disk", "/bin/null", "/bin/kmsg"};
    for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        struct stat meta;
        if (lstat(nodes[i], &meta) != 0) { printf("the image has no %s to try\n", nodes[i]); return 1; }
        if (open(nodes[i], O_RDONLY) >= 0 || open(nodes[i], O_RDWR) >= 0 || errno != EACCES) { printf("%s opens, errno %d\n", nodes[i], errno); return 1; }
    }
    /* Links out of the image end in the box. */
    const char *links[] = {"/bin/up", "/bin/passwd", "/bin/proc1"};
    for (unsigned i = 0; i < sizeof links / sizeof *links; i++) {
        struct stat meta;
        if (lstat(links[i], &meta) != 0 || !S_ISLNK(meta.st_mode)) { printf("the image has no %s to try\n", links[i]); return 1; }
        if (open(links[i], O_RDONLY) >= 0) { printf("%s leads somewhere\n", links[i]); return 1; }
    }
    return 0;
}
