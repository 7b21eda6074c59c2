#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>
/* Needs four watchers, again and again for a second. Few turns: the kernel takes its time to close one. */
int main(void) {
    for (int turn = 0; turn < 20; turn++) {
        int watcher[4];
        for (int i = 0; i < 4; i++) {
            watcher[i] = inotify_init1(0);
            if (watcher[i] < 0) { printf("turn %d: errno %d\n", turn, errno); return 1; }
        }
        if (inotify_add_watch(watcher[0], "/tmp", IN_CREATE) < 0) { printf("watch: errno %d\n", errno); return 2; }
        for (int i = 0; i < 4; i++) close(watcher[i]);
        usleep(50000);
    }
    return 0;
}
