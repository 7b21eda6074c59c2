#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>
/* Whoever opens a leased file waits until its holder lets go, or 45 s. */
int main(void) {
    int f = open("/w/answer", O_CREAT | O_RDWR, 0644);
    write(f, "mine\n", 5);
    if (fork() == 0) {
        signal(SIGIO, SIG_IGN);
        flock(f, LOCK_EX);
        struct flock all = {.l_type = F_WRLCK};
        fcntl(f, F_OFD_SETLK, &all);
        for (;;) pause();
    }
    int r = open("/w/answer", O_RDONLY);
    close(f);
    if (fcntl(r, F_SETLEASE, F_RDLCK) == 0 || errno != EPERM) { puts("took a lease"); return 1; }
    if (fcntl(r, F_SETLEASE | 1L << 32, F_RDLCK) == 0) { puts("took a lease by high bits"); return 1; }
    if (fcntl(open("/w", O_RDONLY | O_DIRECTORY), F_NOTIFY, DN_ACCESS | DN_MULTISHOT) == 0) { puts("watches a directory"); return 1; }
    return 0;
}
