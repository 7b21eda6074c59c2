#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) return socket(AF_NETLINK, SOCK_RAW, 0) < 0;
    for (int protocol = 0; protocol < 32; protocol++)
        for (int type = SOCK_DGRAM; type <= SOCK_RAW; type++)
            if (socket(AF_NETLINK, type, protocol) != -1 || errno != EAFNOSUPPORT) { printf("protocol %d opens\n", protocol); return 1; }
    return 0;
}
