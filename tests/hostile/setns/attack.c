#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#define NS_GET_USERNS 0xb701
#define NS_GET_PARENT 0xb702
/* The way into somebody else's namespace: by the init's files, by a pidfd, upwards from our own. */
int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) return setns(open("/proc/self/ns/net", O_RDONLY), CLONE_NEWNET) == 0 ? 0 : (perror("setns"), 1);
    const char *kinds[] = {"user", "mnt", "net", "pid", "ipc", "uts", "cgroup", "time", "pid_for_children", "time_for_children"};
    char path[64];
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(path, sizeof path, "/proc/1/ns/%s", kinds[i]);
        if (open(path, O_RDONLY) >= 0) { printf("%s opens\n", path); return 1; }
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        int ns = open(path, O_RDONLY);
        if (ns < 0) continue;
        if (ioctl(ns, NS_GET_PARENT) >= 0) { printf("the parent of our %s\n", kinds[i]); return 1; }
        /* The user namespace that owns this one must not be ours (sandbox.md M12) and thus cannot be had. */
        if (ioctl(ns, NS_GET_USERNS) >= 0) { printf("our user namespace owns our %s\n", kinds[i]); return 1; }
        close(ns);
    }
    int init = syscall(SYS_pidfd_open, 1, 0), self = syscall(SYS_pidfd_open, getpid(), 0);
    puts("closed");
    fflush(stdout);
    long r = syscall(SYS_setns, init >= 0 ? init : self, CLONE_NEWNET | CLONE_NEWNS);
    printf("setns gave %ld, errno %d\n", r, errno);
    return 1;
}
