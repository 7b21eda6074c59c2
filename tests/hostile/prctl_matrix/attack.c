#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
/* Speculation, clocks, memory layout, core scheduling, page merging, dispatch and whatever is not known yet. */
static const int open_ones[] = {1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 15, 16, 19, 21, 22, 23, 24, 25, 27, 28, 29, 30, 34, 36, 37, 38, 39, 40, 41, 42, 47, 52, 58, 65, 66, 68};
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) _exit(prctl(26 /* PR_SET_TSC */, 2, 0, 0, 0) != 0);
    int bad = 0;
    for (int option = 0; option < 200; option++) {
        int known = 0;
        for (unsigned i = 0; i < sizeof open_ones / sizeof *open_ones; i++) known |= open_ones[i] == option;
        if (known) continue;
        if (prctl(option, 1, 0, 0, 0) != -1 || errno != EPERM) { printf("option %d: %s\n", option, strerror(errno)); bad = 1; }
    }
    char name[16] = "";
    prctl(PR_SET_NAME, "hostile", 0, 0, 0);
    prctl(PR_GET_NAME, name, 0, 0, 0);
    if (strcmp(name, "hostile")) { puts("it cannot name itself"); bad = 1; }
    if (prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) != -1 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) { puts("new privileges"); bad = 1; }
    for (int capability = 0; capability < 41; capability++)
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 0) { printf("capability %d is in its bounding set\n", capability); bad = 1; }
    if (prctl(47 /* PR_CAP_AMBIENT */, 2 /* raise */, 0, 0, 0) != -1) { puts("an ambient capability"); bad = 1; }
    if (prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) != -1) { puts("securebits"); bad = 1; }
    return bad;
}
