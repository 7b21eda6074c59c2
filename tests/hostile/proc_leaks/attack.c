#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static char text[1 << 16];
static char *slurp(const char *path) {
    int f = open(path, O_RDONLY);
    ssize_t n = f < 0 ? -1 : read(f, text, sizeof text - 1);
    close(f);
    text[n > 0 ? n : 0] = 0;
    return n < 0 ? 0 : text;
}
/* What a kernel tells about itself and others; then what our own files tell about the place we are in. */
int main(void) {
    const char *absent[] = {"kcore", "kallsyms", "kmsg", "keys", "key-users", "timer_list", "sched_debug", "meminfo", "cpuinfo", "stat", "version",
        "cmdline", "config.gz", "modules", "interrupts", "iomem", "ioports", "slabinfo", "vmallocinfo", "vmstat", "zoneinfo", "buddyinfo",
        "pagetypeinfo", "diskstats", "partitions", "mounts/x", "swaps", "locks", "latency_stats", "loadavg", "uptime", "filesystems", "devices",
        "sysvipc", "kpagecount", "kpageflags", "kpagecgroup", "pressure/cpu", "schedstat", "softirqs", "bootconfig", "execdomains", "consoles"};
    for (unsigned i = 0; i < sizeof absent / sizeof *absent; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%s", absent[i]);
        if (open(path, O_RDONLY) >= 0) { printf("%s opens\n", path); return 1; }
    }
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    while ((entry = readdir(proc)))
        if (isdigit(entry->d_name[0]) && atoi(entry->d_name) != getpid()) { printf("process %s is seen\n", entry->d_name); return 1; }
    /* "0::/" and "4:memory:/": every group ends as the root of its hierarchy. */
    for (char *line = strtok(slurp("/proc/self/cgroup"), "\n"); line; line = strtok(0, "\n"))
        if (strlen(line) < 2 || strcmp(line + strlen(line) - 2, ":/")) { printf("group %s\n", line); return 1; }
    for (char *line = strtok(slurp("/proc/self/mountinfo"), "\n"); line; line = strtok(0, "\n")) {
        char root[256], target[256], rest[1024];
        int fields = sscanf(line, "%*d %*d %*s %255s %255s %1023[^\n]", root, target, rest);
        if (fields != 3 || strstr(rest, "shared:") || strstr(rest, "master:") || strstr(rest, "propagate_from:")) { printf("mount %s\n", line); return 1; }
        /* Where nodes cannot be made (rootless), the five of /dev are bound there one by one. */
        if (!strncmp(target, "/dev/", 5) && !strcmp(root, target + 4)) continue;
        if (strcmp(root, "/") && strcmp(root, "/w") && strcmp(root, "/tmp") && strcmp(root, "/shm")) { printf("mount of %s\n", root); return 1; }
        if (strstr(rest, "cgroup") || strstr(rest, "sysfs") || strstr(rest, "securityfs") || strstr(rest, "debugfs")) { printf("mount %s\n", line); return 1; }
        for (char *lower = strstr(rest, "lowerdir"); lower; lower = strstr(lower + 1, "lowerdir"))
            if (strncmp(strchr(lower, '=') + 1, "/proc/self/fd/", 14)) { printf("mount %s\n", line); return 1; }
    }
    if (!strstr(slurp("/proc/self/status"), "\nNSpid:\t") || strchr(strstr(text, "\nNSpid:\t") + 8, '\t') < strchr(strstr(text, "\nNSpid:\t") + 8, '\n')) { puts("NSpid tells the pid outside"); return 1; }
    if (strstr(text, "\nPPid:\t0\n") == 0 && strstr(text, "\nPPid:\t1\n") == 0) { puts("another parent"); return 1; }
    const char *net[] = {"unix", "tcp", "udp", "arp", "route"};
    for (unsigned i = 0; i < 5; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/net/%s", net[i]);
        char *table = slurp(path);
        /* A heading at most: this network namespace never had a socket. */
        char *newline = table ? strchr(table, '\n') : 0;
        if (newline && newline[1]) { printf("%s:\n%s", path, table); return 1; }
    }
    char *devices = slurp("/proc/self/net/dev");
    for (int colons = 0; devices && *devices; devices++)
        if (*devices == ':' && ++colons > 1) { puts("more than lo"); return 1; }
    return 0;
}
