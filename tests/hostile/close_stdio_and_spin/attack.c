#include <time.h>
#include <unistd.h>
/* As its own control it stops after 400 ms. */
int main(int argc, char **argv) {
    close(0); close(1); close(2);
    while (argc == 1 || clock() < CLOCKS_PER_SEC * 4 / 10) {}
    return 0;
}
