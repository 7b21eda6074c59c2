#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#define USER_MODE_ONLY 1
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) return syscall(SYS_userfaultfd, USER_MODE_ONLY) < 0;
    if (open("/dev/userfaultfd", O_RDWR) >= 0) { puts("/dev/userfaultfd opens"); return 1; }
    printf("userfaultfd gave %ld\n", syscall(SYS_userfaultfd, USER_MODE_ONLY));
    return 1;
}
