#include "../compiler.h"
/* Code that runs while it is compiled, as macros and plugins of many languages do: what is there to be had? */
int main(int argc, char **argv) {
    (void)argc;
    if (!compiling(argv)) { puts("ran"); return 0; }
    char byte;
    if (read(0, &byte, 1) != 0) { fputs("the compile box has an input\n", stderr); return 1; }
    DIR *work = opendir("/w");
    for (struct dirent *entry; (entry = readdir(work));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && strcmp(entry->d_name, "main.attack")) {
            fprintf(stderr, "/w/%s is there\n", entry->d_name);
            return 1;
        }
    const char *places[] = {"/tmp", "/dev/shm", "/root", "/home", "/run", "/var/lib", "/srv", "/opt"};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        DIR *dir = opendir(places[i]);
        for (struct dirent *entry; dir && (entry = readdir(dir));)
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) { fprintf(stderr, "%s/%s is there\n", places[i], entry->d_name); return 1; }
    }
    return copy_self("a.out", 0755);
}
