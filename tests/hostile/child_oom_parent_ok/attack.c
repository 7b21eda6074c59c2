#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* As its own control the child stops at 96 MiB. */
int main(int argc, char **argv) {
    if (fork() == 0) for (int i = 0;; i++) { if (argc > 1 && i == 96) return 0; char *p = malloc(1 << 20); if (p) memset(p, 1, 1 << 20); }
    int status;
    wait(&status);
    puts("the right answer");
    return argc > 1 && status != 0;
}
