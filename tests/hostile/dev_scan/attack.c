#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    const char *known = " null zero full random urandom fd stdin stdout stderr shm . .. ";
    DIR *d = opendir("/dev");
    struct dirent *e;
    while ((e = readdir(d))) {
        char word[300];
        snprintf(word, sizeof word, " %s ", e->d_name);
        if (!strstr(known, word)) { printf("/dev/%s exists\n", e->d_name); return !control; }
    }
    if (mknod("/tmp/mem", S_IFCHR | 0666, makedev(1, 1)) == 0) { puts("made a device"); return 1; }
    if (open("/dev/new", O_CREAT | O_WRONLY, 0600) >= 0) { puts("/dev is writable"); return 1; }
    return control;
}
