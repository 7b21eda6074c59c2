#include <fcntl.h>
#include <stdio.h>
int main(void) {
    for (int fd = 3; fd < 65536; fd++)
        if (fcntl(fd, F_GETFD) != -1) { printf("descriptor %d is open\n", fd); return 1; }
    return 0;
}
