#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
int main(int argc, char **argv) {
    /* Without a filter the kernel itself says that this is no terminal. */
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) return !(ioctl(0, TIOCSTI, "x") == -1 && errno == ENOTTY);
    int bad = 0;
    const unsigned long typing[] = {TIOCSTI, 0x541c /* TIOCLINUX */, TIOCSCTTY};
    char linux_paste[2] = {3, 0};
    for (int fd = 0; fd < 3; fd++) {
        for (int i = 0; i < 3; i++)
            if (ioctl(fd, typing[i], linux_paste) != -1 || errno != EPERM) { printf("%lx on %d: %s\n", typing[i], fd, strerror(errno)); bad = 1; }
        /* VT_ACTIVATE, KDSETMODE, VT_SETMODE: there is no virtual terminal behind any of them. */
        const unsigned long vt[] = {0x5606, 0x4b3a, 0x5602};
        for (int i = 0; i < 3; i++)
            if (ioctl(fd, vt[i], 1) != -1) { printf("%lx on %d\n", vt[i], fd); bad = 1; }
        if (isatty(fd)) { printf("%d is a terminal\n", fd); bad = 1; }
    }
    const char *names[] = {"/dev/tty", "/dev/tty0", "/dev/tty1", "/dev/console", "/dev/ptmx", "/dev/pts/ptmx", "/dev/vcs", "/dev/pts/0"};
    for (int i = 0; i < 8; i++)
        if (open(names[i], O_RDWR | O_NOCTTY) >= 0) { printf("%s opens\n", names[i]); bad = 1; }
    return bad;
}
