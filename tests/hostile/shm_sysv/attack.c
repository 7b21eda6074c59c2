#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
/* As its own control it stops at 96 MiB. */
int main(int argc, char **argv) {
    int id = shmget(IPC_PRIVATE, 1 << 30, 0600 | IPC_CREAT);
    if (id < 0) return 1;
    char *memory = shmat(id, 0, 0);
    if (memory == (void *)-1) return 2;
    memset(memory, 1, argc > 1 ? 96 << 20 : 1 << 30);
    return argc > 1 && shmctl(id, IPC_RMID, 0);
}
