#include <fcntl.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>
/* Run twice in a row: the second run must find nothing of the first. */
int main(int argc, char **argv) {
    int control = argc > 1;
    if (control) return shmget(4711, 4096, IPC_CREAT | 0666) < 0 || shmget(4711, 4096, 0) < 0;
    const char *files[] = {"/w/mark", "/tmp/mark", "/dev/shm/mark"};
    for (int i = 0; i < 3; i++) {
        if (open(files[i], O_RDONLY) >= 0) { printf("%s is there\n", files[i]); return 1; }
        close(open(files[i], O_CREAT | O_WRONLY, 0666));
    }
    if (shmget(4711, 4096, 0) >= 0) { puts("shared memory is there"); return 1; }
    shmget(4711, 4096, IPC_CREAT | 0666);
    return 0;
}
