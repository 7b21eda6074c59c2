#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
/* Listens under names that the peer knows. */
static int at(const char *path, int abstract, int listens) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path + abstract, path, strlen(path));
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + abstract + strlen(path) + !abstract;
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    int r = listens ? bind(s, (void *)&a, length) || listen(s, 8) : connect(s, (void *)&a, length);
    return r ? -1 : s;
}
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) return at("pair", 1, 1) < 0 || at("pair", 1, 0) < 0;
    if (at("tribunal-pair", 1, 1) < 0 || at("/tmp/pair", 0, 1) < 0 || at("/w/pair", 0, 1) < 0 || at("/dev/shm/pair", 0, 1) < 0) {
        puts("it cannot listen");
        return 1;
    }
    if (at("tribunal-pair", 1, 0) < 0) { puts("it cannot reach itself"); return 1; }
    usleep(250000);
    return 0;
}
