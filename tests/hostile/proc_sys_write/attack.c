#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
/* Switches of the whole machine: with subset=pid there is nothing to write to, or to read. */
int main(void) {
    const char *paths[] = {"/proc/sys", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/ns_last_pid", "/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory",
        "/proc/sys/fs/binfmt_misc/register", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/user/max_user_namespaces",
        "/proc/sysrq-trigger", "/proc/irq", "/proc/irq/0/smp_affinity", "/proc/bus/pci", "/proc/acpi", "/proc/acpi/wakeup",
        "/proc/scsi/scsi", "/proc/mtrr", "/proc/fs", "/proc/dynamic_debug/control", "/proc/driver", "/proc/tty"};
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        for (int way = 0; way < 3; way++)
            if (open(paths[i], (int[]){O_WRONLY, O_RDWR | O_CREAT, O_RDONLY}[way], 0600) >= 0 || errno != ENOENT) {
                printf("%s: way %d, errno %d\n", paths[i], way, errno);
                return 1;
            }
    if (mkdir("/proc/x", 0755) == 0 || rename("/proc/self/comm", "/proc/self/x") == 0 || chmod("/proc/self/mem", 0777) == 0) { puts("/proc changes"); return 1; }
    return 0;
}
