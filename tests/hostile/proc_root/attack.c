#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    const char *paths[] = {"/proc/1/root", "/proc/1/cwd", "/proc/1/exe", "/proc/1/mem", "/proc/1/environ", "/proc/1/maps",
        "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/kcore", "/proc/kallsyms", "/proc/meminfo",
        "/proc/cpuinfo", "/proc/keys", "/sys", "/sys/fs/cgroup", "/sys/kernel"};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        if (open(paths[i], O_RDONLY) >= 0) { printf("%s opens\n", paths[i]); return !control; }
    return control;
}
