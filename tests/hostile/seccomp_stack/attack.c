#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
static long install(unsigned flags, unsigned answer) {
    struct sock_filter all[] = {{BPF_RET | BPF_K, 0, 0, answer}};
    struct sock_fprog program = {1, all};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}
/* Only getpgrp is traced or notified, so that the program itself goes on. */
static long on_getpgrp(unsigned flags, unsigned answer) {
    struct sock_filter one[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getpgrp},
        {BPF_RET | BPF_K, 0, 0, answer},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog program = {4, one};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL"))
        return on_getpgrp(SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_RET_USER_NOTIF) < 0;
    int bad = 0;
    if (on_getpgrp(SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_RET_USER_NOTIF) != -1 || errno != EBUSY) {
        printf("a listener of its own: %s\n", strerror(errno));
        bad = 1;
    }
    if (on_getpgrp(0, SECCOMP_RET_TRACE) != 0) { puts("own filters are refused"); bad = 1; }
    if (syscall(SYS_getpgrp) != -1 || errno != ENOSYS) { puts("a traced call without tracer went on"); bad = 1; }
    int installed = 0;
    while (installed < 1000 && install(0, SECCOMP_RET_ALLOW) == 0) installed++;
    if (installed < 1000 && errno != ENOMEM) { printf("after %d: %s\n", installed, strerror(errno)); bad = 1; }
    if (socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EAFNOSUPPORT) { puts("its filters loosened ours"); bad = 1; }
    struct sock_filter got[64];
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) { puts("new privileges"); bad = 1; }
    return bad;
}
