#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
static const unsigned char query[] = {
    0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, 's', 'e', 'c', 'r', 'e', 't', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 1, 0, 1};
int main(void) {
    const char *resolvers[] = {"127.0.0.53", "127.0.0.1", "127.0.0.11", "1.1.1.1", "8.8.8.8", "169.254.169.253", "10.0.2.3"};
    for (int i = 0; i < 7; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53)};
        char answer[512];
        inet_pton(AF_INET, resolvers[i], &a.sin_addr);
        int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), local = i < 3;
        if (s < 0) { puts("no datagrams in this profile"); return 1; }
        int sent = connect(s, (void *)&a, sizeof a) == 0 && send(s, query, sizeof query, 0) > 0;
        if (sent && !local) { printf("%s takes the question\n", resolvers[i]); return 1; }
        /* On its own loopback the question comes back as refused, at once. */
        if (sent && (recv(s, answer, sizeof answer, 0) != -1 || errno != ECONNREFUSED)) { printf("%s: %s\n", resolvers[i], strerror(errno)); return 1; }
        close(s);
    }
    const char *sockets[] = {"/run/nscd/socket", "/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve", "/run/dbus/system_bus_socket", "/run/avahi-daemon/socket"};
    for (int i = 0; i < 5; i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        strcpy(a.sun_path, sockets[i]);
        if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a) == 0) { printf("%s answers\n", sockets[i]); return 1; }
    }
    if (open("/etc/resolv.conf", O_RDONLY) >= 0) { puts("it knows the host's resolvers"); return 1; }
    return 0;
}
