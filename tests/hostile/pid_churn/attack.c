#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* As its own control it ends 1000 processes and stops. */
int main(int argc, char **argv) {
    if (argc == 1) { fork(); fork(); }
    for (int i = 0; argc == 1 || i < 1000; i++) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        if (child > 0 && waitpid(child, 0, 0) != child) return 1;
    }
    return 0;
}
