#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>
/* Leaves a sign wherever the peer could look. */
int main(int argc, char **argv) {
    int shm = shmget(4712, 4096, IPC_CREAT | 0666);
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) return shm < 0 || shmget(4712, 4096, 0) != shm;
    struct mq_attr one = {.mq_maxmsg = 1, .mq_msgsize = 8};
    if (shm < 0 || semget(4712, 1, IPC_CREAT | 0666) < 0 || msgget(4712, IPC_CREAT | 0666) < 0) { puts("no System V IPC"); return 1; }
    mq_open("/sign", O_CREAT | O_RDWR, 0666, &one);
    shm_open("/sign", O_CREAT | O_RDWR, 0666);
    const char *files[] = {"/tmp/sign", "/w/sign", "/dev/shm/sign"};
    for (int i = 0; i < 3; i++) close(open(files[i], O_CREAT | O_RDWR, 0666));
    /* Space: all it may have, and given back, again and again. */
    int file = open("/w/space", O_CREAT | O_RDWR, 0600);
    for (int i = 0; i < 24; i++) {
        posix_fallocate(file, 0, 4 << 20);
        usleep(5000);
        ftruncate(file, 0);
        usleep(5000);
    }
    return 0;
}
