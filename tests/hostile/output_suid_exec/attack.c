#include "../compiler.h"
/* The artifact has every bit there is; it comes back as bytes and one bit. */
int main(int argc, char **argv) {
    (void)argc;
    if (compiling(argv)) return copy_self("a.out", 07777);
    struct stat own;
    if (stat("/w/a.out", &own) != 0 || (own.st_mode & 07777) != 0755) { printf("mode %o\n", own.st_mode); return 1; }
    if (own.st_uid != 1000 || geteuid() != 1000 || getegid() != 1000) { puts("somebody else's"); return 1; }
    puts("plain");
    return 0;
}
