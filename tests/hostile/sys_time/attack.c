#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
/* As its own control it stops after 600 ms. */
int main(int argc, char **argv) {
    for (;;) {
        for (int i = 0; i < 10000; i++) syscall(SYS_getppid);
        if (argc > 1 && clock() > CLOCKS_PER_SEC * 6 / 10) return 0;
    }
}
