#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
/* The harness listens on this abstract name on the host. */
int main(int argc, char **argv) {
    int control = argc > 1;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *name = "tribunal-canary";
    memcpy(a.sun_path + 1, name, strlen(name));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    if (control && (bind(listener, (void *)&a, length) || listen(listener, 1))) return 1;
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(s, (void *)&a, length) == 0) { puts("reached the host"); return !control; }
    return control;
}
