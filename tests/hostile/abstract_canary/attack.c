#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
/* The harness listens on this abstract name on the host. */
int main(void) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *name = "tribunal-canary";
    memcpy(a.sun_path + 1, name, strlen(name));
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(s, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)) == 0) { puts("reached the host"); return 1; }
    return 0;
}
