#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
    char name[64];
    for (int i = 0; i < 1000000; i++) {
        snprintf(name, sizeof name, "/%s/f%d", i % 3 == 0 ? "w" : i % 3 == 1 ? "tmp" : "dev/shm", i);
        int f = open(name, O_CREAT | O_WRONLY, 0600);
        if (f < 0) return errno == ENOSPC ? 0 : (perror(name), 1);
        close(f);
    }
    puts("a million files");
    return 1;
}
