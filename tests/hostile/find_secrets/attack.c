#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <stdio.h>
#include <string.h>
static int bad;
static int look(const char *p, const struct stat *s, int t, struct FTW *f) {
    (void)s; (void)t; (void)f;
    const char *dot = strrchr(p, '.');
    if ((dot && (!strcmp(dot, ".ans") || !strcmp(dot, ".in") || !strcmp(dot, ".token"))) || strstr(p, "/root/") || strstr(p, "/home/")) { puts(p); bad = 1; }
    return 0;
}
/* As its own control it plants one and looks only there. */
int main(int argc, char **argv) {
    if (argc > 1) fclose(fopen("planted.ans", "w"));
    nftw(argc > 1 ? "." : "/", look, 32, FTW_PHYS);
    return bad != (argc > 1);
}
