#include <sys/wait.h>
#include <unistd.h>
/* As its own control it makes 40 children and stops. */
int main(int argc, char **argv) {
    if (argc == 1) for (;;) fork();
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();
        if (child == 0) pause();
        if (child < 0) return 1;
    }
    return 0;
}
