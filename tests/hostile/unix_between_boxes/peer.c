#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void) {
    const char *names[] = {"tribunal-pair", "/tmp/pair", "/w/pair", "/dev/shm/pair"};
    for (int i = 0; i < 120; i++, usleep(2000))
        for (int n = 0; n < 4; n++) {
            struct sockaddr_un a = {.sun_family = AF_UNIX};
            int abstract = n == 0, s = socket(AF_UNIX, SOCK_STREAM, 0);
            memcpy(a.sun_path + abstract, names[n], strlen(names[n]));
            socklen_t length = offsetof(struct sockaddr_un, sun_path) + abstract + strlen(names[n]) + !abstract;
            if (connect(s, (void *)&a, length) == 0) { printf("%s of another box answers\n", names[n]); return 1; }
            close(s);
        }
    return 0;
}
