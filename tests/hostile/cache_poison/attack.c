#include "../compiler.h"
/* Places in which compilers and loaders believe what they find. */
static const char *places[] = {"/w/.cache", "/w/.cache/ccache", "/w/__pycache__", "/w/.gradle", "/tmp/cache", "/tmp/ccm", "/dev/shm/cache", "/var/tmp/cache",
    "/var/cache/x", "/root/.cache", "/home/box", "/usr/lib/python3/dist-packages/evil.pth", "/usr/include/evil.h", "/usr/local/lib/evil.so",
    "/usr/lib/x86_64-linux-gnu/evil.so", "/etc/ld.so.preload", "/etc/ld.so.cache~", "/etc/profile.d", "/lib/evil", "/compiler.cache"};
int main(int argc, char **argv) {
    (void)argc;
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], F_OK) == 0 && strncmp(places[i], "/etc/profile.d", 14)) {
            fprintf(stderr, "%s is there already\n", places[i]);
            printf("%s is there already\n", places[i]);
            return 1;
        }
    if (!compiling(argv)) { puts("clean"); return 0; }
    int made = 0;
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        int f = open(places[i], O_CREAT | O_WRONLY, 0666);
        made += f >= 0;
        int own = !strncmp(places[i], "/w/", 3) || !strncmp(places[i], "/tmp/", 5) || !strncmp(places[i], "/dev/shm/", 9);
        if (f >= 0 && !own) { fprintf(stderr, "%s can be written\n", places[i]); return 1; }
    }
    if (made < 5) { fprintf(stderr, "only %d of our own places can be written\n", made); return 1; }
    return copy_self("a.out", 0755);
}
