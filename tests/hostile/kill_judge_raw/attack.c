#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
/* Signal 0 only asks. EPERM would already tell that somebody is there. */
int main(void) {
    pid_t self = getpid();
    for (int pid = 2; pid < 70000; pid++) {
        if (pid == self) continue;
        if (syscall(SYS_kill, pid, 0) == 0 || errno != ESRCH) { printf("%d is there\n", pid); return 1; }
        if (pid % 8 == 0 && (syscall(SYS_tkill, pid, 0) == 0 || errno != ESRCH)) return 2;
        if (pid % 8 == 1 && (syscall(SYS_tgkill, pid, pid, 0) == 0 || errno != ESRCH)) return 3;
        if (pid % 8 == 2 && (syscall(SYS_pidfd_open, pid, 0) >= 0 || errno != ESRCH)) return 4;
    }
    return 0;
}
