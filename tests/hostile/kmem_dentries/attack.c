#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
    char name[64];
    struct stat found;
    int made = 0;
    for (; made < 100000; made++) {
        sprintf(name, "d%d", made);
        if (mkdir(name, 0700)) break;
    }
    if (made > 1024 || errno != ENOSPC) { printf("%d folders, errno %d\n", made, errno); return 1; }
    for (int i = 0; i < 60000; i++) {
        sprintf(name, "/usr/no-such-name-%d", i);
        if (stat(name, &found) == 0) return 2;
    }
    return 0;
}
