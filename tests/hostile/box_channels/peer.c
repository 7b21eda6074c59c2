#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
int main(void) {
    const char *files[] = {"/tmp/sign", "/w/sign", "/dev/shm/sign", "/proc/loadavg", "/proc/uptime", "/proc/stat", "/proc/locks", "/proc/sysvipc/shm"};
    struct statvfs first, now;
    statvfs("/w", &first);
    for (int i = 0; i < 120; i++, usleep(2000)) {
        if (shmget(4712, 4096, 0) >= 0 || semget(4712, 1, 0) >= 0 || msgget(4712, 0) >= 0) { puts("System V IPC shows"); return 1; }
        if (mq_open("/sign", O_RDWR) >= 0) { puts("a message queue shows"); return 1; }
        if (shm_open("/sign", O_RDWR, 0) >= 0) { puts("POSIX shared memory shows"); return 1; }
        for (int f = 0; f < 8; f++)
            if (open(files[f], O_RDONLY) >= 0) { printf("%s shows\n", files[f]); return 1; }
        statvfs("/w", &now);
        if (now.f_bfree != first.f_bfree || now.f_ffree != first.f_ffree) { puts("its space shows"); return 1; }
        if (getpid() > 8) { printf("process %d: numbers are shared\n", getpid()); return 1; }
    }
    return 0;
}
