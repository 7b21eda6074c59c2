#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
extern char **environ;
/* The environment, its copy in /proc, and what the kernel puts behind it. */
int main(int argc, char **argv) {
    char text[4096] = {0}, want[] = "PATH=/usr/bin:/bin";
    if (!environ[0] || strcmp(environ[0], want) || environ[1]) { printf("environment: %s %s\n", environ[0], environ[1]); return 1; }
    ssize_t n = read(open("/proc/self/environ", O_RDONLY), text, sizeof text);
    if (n != sizeof want || memcmp(text, want, sizeof want)) { printf("environ has %zd bytes\n", n); return 1; }
    const char *name = (const char *)getauxval(AT_EXECFN);
    if (strcmp(name, "./program") || argc != 1 || strcmp(argv[0], "./program")) { printf("started as %s\n", name); return 1; }
    if (getauxval(AT_SECURE) || getauxval(AT_UID) != 1000 || getauxval(AT_EUID) != 1000) { puts("another user"); return 1; }
    if (open("/proc/1/environ", O_RDONLY) >= 0 || open("/proc/2/../1/environ", O_RDONLY) >= 0) { puts("the init's environment"); return 1; }
    /* Above the strings of execve the stack ends with the file's name: nothing of the process before is left. */
    const char *end = name + strlen(name) + 1;
    for (const char *p = end; ((unsigned long)p & 4095) != 0; p++) if (*p) { puts("bytes behind the name"); return 1; }
    return 0;
}
