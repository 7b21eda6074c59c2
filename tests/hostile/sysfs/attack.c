#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
/* No sysfs under any name: not for topology, energy counters, or the release_agent of a control group. */
int main(void) {
    const char *paths[] = {"/sys/kernel", "/sys/fs/cgroup", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent",
        "/sys/fs/cgroup/cgroup.procs", "/sys/class/powercap", "/sys/devices/virtual/powercap", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage",
        "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/uevent_helper", "/sys/firmware", "/sys/module", "/sys/power/state", "/sys/bus", "/cgroup", "/dev/cgroup"};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        if (access(paths[i], F_OK) == 0 || errno != ENOENT) { printf("%s: errno %d\n", paths[i], errno); return 1; }
    DIR *sys = opendir("/sys");
    struct dirent *entry;
    while (sys && (entry = readdir(sys)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) { printf("/sys/%s\n", entry->d_name); return 1; }
    const char *places[] = {"/", "/w", "/tmp", "/dev", "/dev/shm", "/proc"};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        struct statfs fs;
        statfs(places[i], &fs);
        /* sysfs, cgroup, cgroup2 (linux/magic.h). */
        if (fs.f_type == 0x62656572 || fs.f_type == 0x27e0eb || fs.f_type == 0x63677270) { printf("%s is one\n", places[i]); return 1; }
    }
    return 0;
}
