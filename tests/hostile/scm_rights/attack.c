#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static int send_fd(int over, int fd) {
    char byte = 0, room[CMSG_SPACE(sizeof fd)];
    struct iovec io = {&byte, 1};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    return sendmsg(over, &message, 0) == 1;
}
/* As its own control it puts 600 into flight: more than the box lets be open. */
int main(int argc, char **argv) {
    int sent = 0, most = argc > 1 ? 600 : 100000, carriers = 0, p[2] = {-1, -1};
    while (sent < most) {
        if (p[1] >= 0 && send_fd(p[1], 0)) { sent++; continue; }
        if (p[1] >= 0 && errno != EAGAIN) break;
        if (++carriers > 60 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p)) break;
    }
    printf("%d in flight, errno %d\n", sent, errno);
    if (argc > 1) return sent != most;
    return !(sent <= 300 && errno == ETOOMANYREFS);
}
