#include <unistd.h>
/* As its own control it makes 40 sessions and stops. */
int main(int argc, char **argv) {
    for (int i = 0; argc == 1 || i < 40; i++) {
        pid_t child = fork();
        if (child == 0) {
            setsid();
            if (argc > 1) pause();
        }
        if (child < 0 && argc > 1) return 1;
    }
    return 0;
}
