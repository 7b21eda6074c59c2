#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
/* As its own control it stops at 14,000, more than the limit allows in each of three places. */
int main(int argc, char **argv) {
    char name[64];
    for (int i = 0; i < 1000000; i++) {
        if (argc > 1 && i == 14000) return 0;
        snprintf(name, sizeof name, "/%s/f%d", i % 3 == 0 ? "w" : i % 3 == 1 ? "tmp" : "dev/shm", i);
        int f = open(name, O_CREAT | O_WRONLY, 0600);
        if (f < 0) return errno == ENOSPC && argc == 1 ? 0 : (perror(name), 1);
        close(f);
    }
    puts("a million files");
    return 1;
}
