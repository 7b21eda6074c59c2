#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) return socket(AF_INET6, SOCK_STREAM, 0) < 0;
    const int protocols[] = {0, 1, 3, 6};
    for (int family = 0; family < 64; family++)
        for (int type = 0; type < 16; type++)
            for (int p = 0; p < 4; p++) {
                int two[2];
                if (family == AF_UNIX) continue;
                if (socket(family, type, protocols[p]) != -1 || errno != EAFNOSUPPORT) { printf("family %d type %d opens\n", family, type); return 1; }
                if (socketpair(family, type, protocols[p], two) != -1 || errno != EAFNOSUPPORT) { printf("pair of %d\n", family); return 1; }
            }
    int two[2];
    char byte = 'x';
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, two) || write(two[0], &byte, 1) != 1 || read(two[1], &byte, 1) != 1) { puts("no AF_UNIX"); return 1; }
    return 0;
}
