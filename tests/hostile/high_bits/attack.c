#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#define HIGH (1UL << 32)
static int refused(const char *what, long result, int with) {
    if (result == -1 && errno == with) return 0;
    printf("%s gave %ld, %s\n", what, result, strerror(errno));
    return 1;
}
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) return syscall(SYS_socket, AF_INET | HIGH, SOCK_STREAM, 0) < 0;
    int bad = refused("socket", syscall(SYS_socket, AF_INET | HIGH, SOCK_STREAM, 0), EAFNOSUPPORT);
    bad |= refused("socketpair", syscall(SYS_socketpair, AF_INET | HIGH, SOCK_STREAM, 0, 0), EAFNOSUPPORT);
    bad |= refused("ioctl", syscall(SYS_ioctl, 0, TIOCSTI | HIGH, "x"), EPERM);
    bad |= refused("fcntl", syscall(SYS_fcntl, 0, 1024 | HIGH, 0), EPERM);
    bad |= refused("personality", syscall(SYS_personality, 0x400000 | HIGH), EPERM);
    bad |= refused("prctl", syscall(SYS_prctl, 26 | HIGH, 2, 0, 0, 0), EPERM);
    /* Its flags have 64 bits; no bit above them makes the namespace pass. */
    bad |= refused("clone", syscall(SYS_clone, 0x10000000UL | SIGCHLD | HIGH, 0, 0, 0, 0), EPERM);
    bad |= refused("clone", syscall(SYS_clone, 0x10000000UL | SIGCHLD | 1UL << 63, 0, 0, 0, 0), EPERM);
    if (socket(AF_UNIX | 0, SOCK_STREAM, 0) < 0 || syscall(SYS_socket, AF_UNIX | HIGH, SOCK_STREAM, 0) < 0) {
        puts("AF_UNIX is refused");
        bad = 1;
    }
    if (bad) return 1;
    puts("refused as if they were not there");
    fflush(stdout);
    /* The number is read from 32 bits: this is ptrace. */
    syscall(SYS_ptrace | HIGH, 0, 0, 0, 0);
    puts("ptrace with a high bit came back");
    return 1;
}
