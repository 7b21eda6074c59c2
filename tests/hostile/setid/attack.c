#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
/* Every call that changes who we are, by system call: the C library would do it for all threads. */
int main(void) {
    gid_t groups[] = {0, 1000, 4};
    const unsigned ids[] = {0, 1, 999, 1001, 65534, 65535, 0x7ffffffe};
    for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
        unsigned id = ids[i];
        if (syscall(SYS_setuid, id) == 0 || syscall(SYS_setgid, id) == 0 || syscall(SYS_setreuid, -1, id) == 0 || syscall(SYS_setreuid, id, -1) == 0 ||
            syscall(SYS_setregid, -1, id) == 0 || syscall(SYS_setresuid, -1, id, -1) == 0 || syscall(SYS_setresuid, -1, -1, id) == 0 ||
            syscall(SYS_setresgid, id, -1, -1) == 0 || syscall(SYS_setresgid, -1, -1, id) == 0) { printf("became %u\n", id); return 1; }
        syscall(SYS_setfsuid, id), syscall(SYS_setfsgid, id);
        if (syscall(SYS_setfsuid, -1) != 1000 || syscall(SYS_setfsgid, -1) != 1000) { printf("acts on files as %u\n", id); return 1; }
    }
    for (int n = 0; n <= 3; n++)
        if (setgroups(n, groups) == 0) { printf("took %d groups\n", n); return 1; }
    if (getgroups(0, 0) != 0) { puts("there are groups"); return 1; }
    if (getuid() != 1000 || geteuid() != 1000 || getgid() != 1000 || getegid() != 1000) { puts("not 1000"); return 1; }
    return 0;
}
