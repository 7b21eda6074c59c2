#include "../compiler.h"
#include <sys/socket.h>
#include <sys/un.h>
/* What a compiler may leave in the place of a program. */
int main(int argc, char **argv) {
    (void)argc;
    if (!compiling(argv)) { puts("ran"); return 0; }
    const char *what = variant();
    if (!strcmp(what, "link")) return symlink("/usr/bin/id", "a.out");
    if (!strcmp(what, "link inside")) return copy_self("b.out", 0755) || symlink("b.out", "a.out");
    if (!strcmp(what, "two names")) return copy_self("b.out", 0755) || link("b.out", "a.out");
    if (!strcmp(what, "folder")) return mkdir("a.out", 0755);
    if (!strcmp(what, "folder with a file")) return mkdir("a.out", 0755) || copy_self("a.out/a.out", 0755);
    if (!strcmp(what, "socket")) {
        struct sockaddr_un name = {AF_UNIX, "a.out"};
        return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof name);
    }
    if (!strcmp(what, "nothing")) return 0;
    int f = open("a.out", O_CREAT | O_WRONLY, 0755);
    if (!strcmp(what, "huge")) return ftruncate(f, 64 << 20);
    if (!strcmp(what, "empty")) return 0;
    if (!strcmp(what, "text")) return write(f, "no program\n", 11) != 11;
    if (!strcmp(what, "not executable")) return copy_self("a.out", 0644);
    if (!strcmp(what, "half")) return copy_self("a.out", 0755) || truncate("a.out", 100);
    fprintf(stderr, "an unknown variant %s\n", what);
    return copy_self("a.out", 0755);
}
