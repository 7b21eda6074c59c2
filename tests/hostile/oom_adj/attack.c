#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int set(const char *path, const char *value) {
    int f = open(path, O_WRONLY);
    if (f < 0) return 0;
    int done = write(f, value, strlen(value)) > 0;
    close(f);
    return done;
}
int main(void) {
    if (set("/proc/self/oom_score_adj", "-1000") || set("/proc/self/oom_score_adj", "-1")) return 1;
    if (set("/proc/1/oom_score_adj", "1000")) return 2;
    write(1, "refused\n", 8);
    set("/proc/self/oom_score_adj", "1000");
    for (int i = 0; i < 256; i++) { char *p = malloc(1 << 20); if (p) memset(p, 1, 1 << 20); }
    return 0;
}
