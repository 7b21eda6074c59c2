#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    if (control) dup2(0, 77);
    for (int fd = 3; fd < 65536; fd++)
        if (fcntl(fd, F_GETFD) != -1) { printf("descriptor %d is open\n", fd); return !control; }
    return control;
}
