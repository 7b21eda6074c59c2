/* For attacks that play the compiler (`judge = "attack"`): started as /compiler they prepare, started as ./a.out
 * they look at what came of it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int compiling(char **argv) { return !strcmp(argv[0], "/compiler"); }

/* Leaves this very program as `name`. */
static int copy_self(const char *name, mode_t mode) {
    static char block[1 << 16];
    int in = open("/proc/self/exe", O_RDONLY), out = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0755);
    ssize_t n = -1;
    while (in >= 0 && out >= 0 && (n = read(in, block, sizeof block)) > 0) write(out, block, n);
    if (n != 0 || fchmod(out, mode) != 0) { perror(name); return 1; }
    close(out);
    return 0;
}

/* The word in the file `variant`. */
static const char *variant(void) {
    static char word[64];
    int f = open("variant", O_RDONLY);
    ssize_t n = f < 0 ? 0 : read(f, word, sizeof word - 1);
    word[n > 0 ? n : 0] = 0;
    return word;
}
