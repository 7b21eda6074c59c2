#include <unistd.h>
/* As its own control it sleeps past the limit and stops. */
int main(int argc, char **argv) {
    while (argc == 1) sleep(1000);
    usleep(1500000);
    return 0;
}
