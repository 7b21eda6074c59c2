#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
static sigjmp_buf back;
static void bus(int signal) { siglongjmp(back, signal); }
int main(void) {
    struct stat s;
    char buffer[4096], path[256] = "";
    const char *line = "pristine input\n";
    int length = strlen(line), bad = 0;
    if (fstat(0, &s) || s.st_size != length) { printf("it has %ld bytes\n", (long)s.st_size); bad = 1; }
    if (lseek(0, 0, SEEK_END) != length) { puts("its end is elsewhere"); bad = 1; }
    const long places[] = {length, length + 1, 4096, 1 << 20, 1L << 40};
    for (int i = 0; i < 5; i++)
        if (pread(0, buffer, sizeof buffer, places[i]) > 0) { printf("bytes at %ld\n", places[i]); bad = 1; }
    signal(SIGBUS, bus);
    char *map = mmap(0, 16384, PROT_READ, MAP_PRIVATE, 0, 0);
    if (map != MAP_FAILED) {
        for (int i = length; i < 4096; i++)
            if (map[i]) { printf("byte %d of the page is %d\n", i, map[i]); bad = 1; break; }
        if (sigsetjmp(back, 1) == 0) {
            volatile char beyond = map[4096];
            (void)beyond;
            puts("there is a page behind the input");
            bad = 1;
        }
    }
    readlink("/proc/self/fd/0", path, sizeof path - 1);
    if (strstr(path, "test") || strstr(path, ".in") || strstr(path, "secret") || strchr(path + 1, '/')) { printf("its name is %s\n", path); bad = 1; }
    return bad;
}
