#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* As its own control it has a secret in its environment, which must be found. */
int main(int argc, char **argv) {
    if (argc > 1 && !getenv("TOKEN")) { setenv("TOKEN", "1", 1); execv("/proc/self/exe", argv); return 1; }
    const char *files[] = {"/proc/self/mountinfo", "/proc/self/cgroup", "/proc/self/cmdline", "/proc/self/environ"};
    static char text[65536];
    for (int i = 0; i < 4; i++) {
        FILE *f = fopen(files[i], "r");
        if (!f) continue;
        size_t n = fread(text, 1, sizeof text - 1, f);
        for (size_t k = 0; k < n; k++) if (!text[k]) text[k] = ' ';
        text[n] = 0;
        const char *words[] = {"tribunal", "/run/", "/var/", "/root", "secret", "TOKEN"};
        for (int w = 0; w < 6; w++)
            if (strstr(text, words[w])) { printf("%s tells %s\n%s", files[i], words[w], text); return argc == 1;  }
    }
    return argc > 1;
}
