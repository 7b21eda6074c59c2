#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define AT_EMPTY 0x1000
enum { HELD = 42, FREE = 43 };
/* What the executed program says: whether it is held. */
static int look(void) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    return s < 0 && errno == EAFNOSUPPORT && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? HELD : FREE;
}
static int copy(int to) {
    char buffer[65536];
    int from = open("./program", O_RDONLY);
    for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;)
        if (write(to, buffer, n) != n) return -1;
    return close(from);
}
static int by(int way) {
    char *argv[] = {"program", "look", 0}, *env[] = {0};
    int status, fd;
    pid_t child = fork();
    if (child == 0) {
        switch (way) {
        case 0:
            fd = memfd_create("program", 0);
            copy(fd);
            syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY);
            break;
        case 1:
            fd = open("./program", O_RDONLY);
            syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY);
            break;
        case 2:
            fd = open(".", O_RDONLY | O_DIRECTORY);
            syscall(SYS_execveat, fd, "program", argv, env, 0);
            break;
        case 3:
            fd = open("script", O_CREAT | O_WRONLY, 0700);
            dprintf(fd, "#!./program look\n");
            close(fd);
            execve("./script", argv, env);
            break;
        case 4:
            fd = open("copy", O_CREAT | O_WRONLY, 0700);
            copy(fd);
            fchmod(fd, 06755);
            close(fd);
            execve("./copy", argv, env);
            break;
        }
        _exit(127);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "look")) return look();
    int control = argc > 1 && !strcmp(argv[1], "CONTROL"), bad = 0;
    for (int way = 0; way < 5; way++) {
        int said = by(way);
        if (said != (control ? FREE : HELD)) { printf("way %d said %d\n", way, said); bad = 1; }
    }
    return bad;
}
