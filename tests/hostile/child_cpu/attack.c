#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* An orphan burns on. As its own control it stops after 600 ms. */
int main(int argc, char **argv) {
    int told[2];
    char c;
    pipe(told);
    if (fork() == 0) {
        if (fork() == 0) {
            while (argc == 1 || clock() < CLOCKS_PER_SEC * 6 / 10) {}
            write(told[1], "x", 1);
        }
        _exit(0);
    }
    wait(0);
    return read(told[0], &c, 1) != 1;
}
