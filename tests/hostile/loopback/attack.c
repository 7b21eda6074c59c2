#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
static int bad;
static void wrong(const char *what) { printf("%s: %s\n", what, strerror(errno)); bad = 1; }
static int to(const char *address, int port, int type) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int s = socket(AF_INET, type | SOCK_NONBLOCK, 0);
    inet_pton(AF_INET, address, &a.sin_addr);
    int r = connect(s, (void *)&a, sizeof a);
    if (r == 0 && type == SOCK_DGRAM) r = send(s, "x", 1, 0) < 0 ? -1 : 0;
    int error = errno;
    close(s);
    errno = error;
    return r;
}
static void itself(int family, int type) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr *a = family == AF_INET ? (void *)&four : (void *)&six;
    socklen_t length = family == AF_INET ? sizeof four : sizeof six;
    int server = socket(family, type, 0), client = socket(family, type, 0);
    char byte = 0;
    if (server < 0 && family == AF_INET6 && errno == EAFNOSUPPORT) return; /* a kernel without IPv6 */
    if (bind(server, a, length)) {
        if (family == AF_INET6 && errno == EADDRNOTAVAIL) return; /* IPv6 is switched off */
        return wrong("bind");
    }
    getsockname(server, a, &length);
    if (type == SOCK_STREAM && listen(server, 1)) return wrong("listen");
    if (connect(client, a, length)) return wrong("connect to itself");
    int end = type == SOCK_STREAM ? accept(server, 0, 0) : server;
    if (write(client, "x", 1) != 1 || read(end, &byte, 1) != 1 || byte != 'x') wrong("talk to itself");
}
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) {
        /* Who owns the namespace may change its devices. */
        struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
        return ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo);
    }
    itself(AF_INET, SOCK_STREAM);
    itself(AF_INET, SOCK_DGRAM);
    itself(AF_INET6, SOCK_STREAM);
    /* The host's canaries listen on the host's loopback, not on this one. */
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in canary = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 1), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (connect(tcp, (void *)&canary, sizeof canary) != -1 || errno != ECONNREFUSED) wrong("the host's loopback");
    to("127.0.0.1", argc > 2 ? atoi(argv[2]) : 1, SOCK_DGRAM);
    const char *away[] = {"169.254.169.254", "10.0.0.1", "172.17.0.1", "192.168.0.1", "8.8.8.8", "224.0.0.1"};
    for (int i = 0; i < 6; i++) {
        if (to(away[i], 80, SOCK_STREAM) != -1 || errno != ENETUNREACH) wrong(away[i]);
        if (to(away[i], 53, SOCK_DGRAM) != -1 || errno != ENETUNREACH) wrong(away[i]);
    }
    if (socket(AF_INET, SOCK_RAW, 1) != -1) wrong("raw");
    if (socket(AF_INET, SOCK_DGRAM, 1) != -1) wrong("ping");
    if (socket(AF_INET, SOCK_STREAM, 132) != -1) wrong("SCTP");
    if (socket(AF_NETLINK, SOCK_RAW, 0) != -1) wrong("netlink");
    struct ifreq lo = {.ifr_name = "lo"};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(s, SIOCSIFFLAGS, &lo) != -1) wrong("it took its interface down");
    struct sockaddr_in *address = (void *)&lo.ifr_addr;
    address->sin_family = AF_INET;
    inet_pton(AF_INET, "10.0.0.2", &address->sin_addr);
    if (ioctl(s, SIOCSIFADDR, &lo) != -1) wrong("it gave itself an address");
    return bad;
}
