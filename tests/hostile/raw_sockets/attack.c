#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) return socket(AF_PACKET, SOCK_RAW, 0) < 0 || socket(AF_INET, SOCK_RAW, 1) < 0;
    const int families[] = {AF_INET, AF_INET6, AF_PACKET}, types[] = {SOCK_DGRAM, SOCK_RAW, SOCK_PACKET, SOCK_SEQPACKET, SOCK_RDM};
    const int protocols[] = {0, 1 /* ICMP */, 17, 58 /* ICMPv6 */, 132, 136, 255, 0x0300 /* ETH_P_ALL */};
    for (int f = 0; f < 3; f++)
        for (int t = 0; t < 5; t++)
            for (int p = 0; p < 8; p++)
                if (socket(families[f], types[t] | SOCK_CLOEXEC, protocols[p]) != -1 || errno != EAFNOSUPPORT) {
                    printf("family %d type %d protocol %d: %s\n", families[f], types[t], protocols[p], strerror(errno));
                    return 1;
                }
    return 0;
}
