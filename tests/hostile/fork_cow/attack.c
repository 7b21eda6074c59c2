#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static char shared[8 << 20];
/* As its own control 10 children. */
int main(int argc, char **argv) {
    int children = argc > 1 ? 10 : 28, bad = 0;
    memset(shared, 1, sizeof shared);
    for (int i = 0; i < children; i++)
        if (fork() == 0) { memset(shared, 2, sizeof shared); sleep(1); _exit(0); }
    for (int status; wait(&status) > 0;) bad |= status;
    return argc > 1 && bad;
}
