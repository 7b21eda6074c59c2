#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* As its own control each of 20 takes 5 MiB. */
int main(int argc, char **argv) {
    int each = argc > 1 ? 5 : 32, bad = 0;
    for (int i = 0; i < 20; i++)
        if (fork() == 0) {
            for (int k = 0; k < each; k++) { char *p = malloc(1 << 20); if (p) memset(p, 1, 1 << 20); }
            usleep(200000);
            _exit(0);
        }
    for (int status; wait(&status) > 0;) bad |= status;
    return argc > 1 && bad;
}
