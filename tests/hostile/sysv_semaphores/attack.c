#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
/* As its own control it makes 2 sets of 1000. */
int main(int argc, char **argv) {
    int sets = argc > 1 ? 2 : 200, size = argc > 1 ? 1000 : 32000;
    for (int i = 0; i < 100; i++) if (msgget(IPC_PRIVATE, 0600 | IPC_CREAT) < 0) return 1;
    for (int i = 0; i < sets; i++) if (semget(IPC_PRIVATE, size, 0600 | IPC_CREAT) < 0) return 2;
    return 0;
}
