#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#define FAMILY 40
struct address { unsigned short family, reserved; unsigned port, cid; unsigned char flags, zero[3]; };
int main(int argc, char **argv) {
    unsigned ports[] = {argc > 1 ? strtoul(argv[1], 0, 10) : 0, 22, 1024, 52};
    for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
        int s = socket(FAMILY, type, 0);
        if (s == -1 && errno == EAFNOSUPPORT) continue;
        printf("type %d opens\n", type);
        for (unsigned cid = 0; cid < 4; cid++)
            for (int p = 0; p < 4; p++) {
                struct address a = {.family = FAMILY, .port = ports[p], .cid = cid};
                if (connect(s, (void *)&a, sizeof a) == 0) printf("cid %u port %u answers\n", cid, ports[p]);
            }
        return 1;
    }
    return 0;
}
