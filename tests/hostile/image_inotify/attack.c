#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
static int sees(int watcher) {
    char buffer[4096];
    return read(watcher, buffer, sizeof buffer) > 0;
}
static void touch(const char *path) {
    char byte;
    int file = open(path, O_RDONLY);
    read(file, &byte, 1);
    close(file);
}
int main(int argc, char **argv) {
    int control = argc > 1 && !strcmp(argv[1], "CONTROL");
    const char *path = control ? "./program" : "/bin/x";
    int watcher = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(watcher, path, IN_ALL_EVENTS);
    if (!control) {
        inotify_add_watch(watcher, "/bin", IN_ALL_EVENTS);
        for (int i = 0; i < 120; i++, usleep(2000))
            if (sees(watcher)) { puts("it saw another box read"); return 1; }
    }
    /* What it does itself it sees: the watch is alive. */
    touch(path);
    if (!sees(watcher)) { puts("the watch is dead"); return 1; }
    return 0;
}
