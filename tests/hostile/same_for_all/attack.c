#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
extern char **environ;
int main(void) {
    struct utsname u;
    struct timespec boot, monotonic;
    char path[256] = "";
    int bad = 0;
    uname(&u);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    if (getuid() != 1000 || getgid() != 1000 || geteuid() != 1000 || getgroups(0, 0) != 0) { printf("user %d:%d\n", getuid(), getgid()); bad = 1; }
    if (strcmp(u.nodename, "box")) { printf("host name %s\n", u.nodename); bad = 1; }
    /* Warm boxes wait for at most ten minutes, and a loaded machine takes its time. */
    if (boot.tv_sec < 1000 || boot.tv_sec > 3000 || monotonic.tv_sec < 1000 || monotonic.tv_sec > 3000) { printf("clocks %ld %ld\n", (long)boot.tv_sec, (long)monotonic.tv_sec); bad = 1; }
    if (getpid() > 8 || getppid() > 1 || getsid(0) != getpid()) { printf("process %d of %d\n", getpid(), getppid()); bad = 1; }
    getcwd(path, sizeof path);
    if (strcmp(path, "/w")) { printf("folder %s\n", path); bad = 1; }
    if (!environ[0] || strcmp(environ[0], "PATH=/usr/bin:/bin") || environ[1]) { printf("environment %s\n", environ[0]); bad = 1; }
    readlink("/proc/self/exe", path, sizeof path - 1);
    if (strcmp(path, "/w/program")) { printf("executable %s\n", path); bad = 1; }
    return bad;
}
