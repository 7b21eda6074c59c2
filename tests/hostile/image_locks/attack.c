#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
/* Holds every lock it can get on files of the image while the peer tries for the same. */
static struct flock whole(int type) { return (struct flock){.l_type = type, .l_whence = SEEK_SET}; }
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) {
        int one = open("./program", O_RDONLY), other = open("./program", O_RDONLY);
        return !(flock(one, LOCK_EX | LOCK_NB) == 0 && flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
    }
    int file = open("/bin/x", O_RDONLY), folder = open("/bin", O_RDONLY), bad = 0;
    struct flock read_lock = whole(F_RDLCK);
    if (flock(file, LOCK_EX | LOCK_NB) || flock(folder, LOCK_EX | LOCK_NB)) { puts("somebody else holds it"); bad = 1; }
    fcntl(file, F_SETLK, &read_lock);
    fcntl(file, F_OFD_SETLK, &read_lock);
    if (fcntl(file, F_SETLEASE, F_RDLCK) != -1 || errno != EPERM) { puts("a lease"); bad = 1; }
    if (fcntl(folder, F_NOTIFY, DN_ACCESS | DN_MULTISHOT) != -1 || errno != EPERM) { puts("a notification"); bad = 1; }
    /* Its own files lock as they should. */
    int own = open("/w/database", O_CREAT | O_RDWR, 0600), status;
    struct flock write_lock = whole(F_WRLCK);
    if (fcntl(own, F_SETLK, &write_lock)) { puts("no lock in /w"); bad = 1; }
    pid_t child = fork();
    if (child == 0) {
        int again = open("/w/database", O_RDWR);
        _exit(fcntl(again, F_SETLK, &write_lock) == -1 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    if (status) { puts("a lock in /w does not hold"); bad = 1; }
    usleep(250000);
    return bad;
}
