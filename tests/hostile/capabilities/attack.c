#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, "Cap", 3) && strspn(line + 7, "\t0\n") != strlen(line + 7)) { fputs(line, stdout); return !control; }
    for (int c = 0; c < 64; c++) if (prctl(PR_CAPBSET_READ, c) == 1) { printf("bounding %d\n", c); return 1; }
    if (setuid(0) == 0 || setgid(0) == 0) { puts("became 0"); return 1; }
    return control;
}
