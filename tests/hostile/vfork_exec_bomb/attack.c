#include <string.h>
#include <unistd.h>
/* As its own control it makes 40 copies that wait, and stops. */
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "WAIT")) { pause(); return 0; }
    for (int i = 0; argc == 1 || i < 40; i++) {
        pid_t child = vfork();
        if (child == 0) {
            execl("/proc/self/exe", "copy", argc > 1 ? "WAIT" : (char *)0, (char *)0);
            _exit(9);
        }
        if (child < 0 && argc > 1) return 1;
    }
    return 0;
}
