#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
/* Started again by a file with set-id bits: whom are we now? */
static int look(void) {
    uid_t r, e, s;
    gid_t gr, ge, gs;
    getresuid(&r, &e, &s), getresgid(&gr, &ge, &gs);
    if (r != 1000 || e != 1000 || s != 1000 || gr != 1000 || ge != 1000 || gs != 1000) { printf("we are %d %d %d\n", r, e, s); return 1; }
    if (getauxval(AT_SECURE) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) { puts("the kernel sees a change of privilege"); return 1; }
    if (setuid(0) == 0) { puts("became 0"); return 1; }
    return 0;
}
static int start(const char *path) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) { execl(path, "again", (char *)0); _exit(errno == ENOENT ? 0 : 9); }
    waitpid(child, &status, 0);
    return status;
}
int main(int argc, char **argv) {
    if (!strcmp(argv[0], "again")) return look();
    char text[1 << 16];
    int in = open("/proc/self/exe", O_RDONLY), out = open("/tmp/suid", O_CREAT | O_WRONLY, 0755);
    for (ssize_t n; (n = read(in, text, sizeof text)) > 0;) write(out, text, n);
    close(out);
    /* cap_sys_admin+ep, revision 2 (linux/capability.h). */
    unsigned caps[5] = {0x02000001, 1 << 21, 0, 0, 0};
    if (setxattr("/tmp/suid", "security.capability", caps, sizeof caps, 0) == 0) { puts("gave a file capabilities"); return 1; }
    if (chown("/tmp/suid", 0, 0) == 0 || chown("/tmp/suid", 65534, -1) == 0) { puts("gave a file away"); return 1; }
    if (chmod("/tmp/suid", 06755) != 0 || start("/tmp/suid") != 0) { puts("our own"); return 1; }
    /* This very program, owned by the host's root and with both bits, as a file of the image. */
    struct stat image;
    if (stat("/bin/suid", &image) != 0 || (image.st_mode & 06000) != 06000) { puts("the image has no set-id file to try"); return 1; }
    if (start("/bin/suid") != 0) { puts("the image's"); return 1; }
    return 0;
}
