#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    for (int family = 0; family < 50; family++)
        for (int type = 1; type <= 5; type++) {
            int s = socket(family, type, 0);
            if (s >= 0 && family != AF_UNIX) { printf("family %d type %d opens\n", family, type); return !control; }
            if (s >= 0) close(s);
        }
    const char *names[] = {"/var/run/docker.sock", "/run/tribunal/x", "/tmp/.X11-unix/X0"};
    for (int i = 0; i < 3; i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        strcpy(a.sun_path, names[i]);
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(s, (void *)&a, sizeof a) == 0) { printf("%s answers\n", names[i]); return 1; }
        close(s);
    }
    return control;
}
