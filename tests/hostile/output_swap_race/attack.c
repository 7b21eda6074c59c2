#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static void *swap(void *end) {
    (void)end;
    for (;;) syscall(SYS_renameat2, AT_FDCWD, "/w/answer", AT_FDCWD, "/w/link", 2 /* RENAME_EXCHANGE */);
}
/* A file and a link change places for as long as anything here lives, two threads and a stray child at it. */
int main(void) {
    int f = open("/w/answer", O_CREAT | O_WRONLY, 0644);
    write(f, "mine\n", 5);
    close(f);
    f = open("/w/other", O_CREAT | O_WRONLY, 0644);
    write(f, "not mine\n", 9);
    close(f);
    symlink("other", "/w/link");
    if (fork() == 0) swap(0);
    pthread_t thread;
    pthread_create(&thread, 0, swap, 0);
    usleep(5000);
    return 0;
}
