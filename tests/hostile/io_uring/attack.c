#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    char p[256];
    memset(p, 0, sizeof p);
    if (syscall(425, 4, p) != -1 || errno != ENOSYS) { puts("io_uring exists"); return !control; }
    return control;
}
