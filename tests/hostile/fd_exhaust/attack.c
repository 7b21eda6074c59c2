#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
/* Sends `fd` to ourselves, where it waits in a socket and costs no number. */
static int post(int socket, int fd) {
    char byte = 0, space[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_DONTWAIT) == 1;
}
int main(int argc, char **argv) {
    (void)argv;
    int limit = argc > 1 ? 128 : 64, pair[2], posted = 0, last = 2, f;
    struct rlimit more = {limit + 1, limit + 1};
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    while (posted < 10 * limit && post(pair[0], 0)) posted++;
    if (posted > limit + 1) { printf("%d descriptors under way\n", posted); return 1; }
    close(pair[0]), close(pair[1]);
    while ((f = open("/dev/null", O_RDONLY)) >= 0 && f < 10 * limit) last = f;
    if (last != limit - 1 || errno != EMFILE) { printf("the last descriptor is %d\n", last); return 1; }
    if (dup2(0, limit - 1) < 0 || dup2(0, limit) >= 0 || fcntl(0, F_DUPFD, limit) >= 0) { puts("a number beyond the limit"); return 1; }
    if (setrlimit(RLIMIT_NOFILE, &more) == 0) { puts("raised the limit"); return 1; }
    return 0;
}
