#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 120; i++) {
        int file = open("/bin/x", O_RDONLY), folder = open("/bin", O_RDONLY);
        struct flock asked = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (flock(file, LOCK_EX | LOCK_NB) || flock(folder, LOCK_EX | LOCK_NB)) { puts("a lock of another box shows"); return 1; }
        if (fcntl(file, F_GETLK, &asked) == 0 && asked.l_type != F_UNLCK) { puts("a record lock of another box shows"); return 1; }
        close(file);
        close(folder);
        usleep(2000);
    }
    return 0;
}
