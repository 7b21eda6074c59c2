#include <fcntl.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>
/* A box may have waited warm for a while, half an hour at most in this suite. */
static int box_time(long seconds) { return seconds >= 990 && seconds < 1000 + 1800; }
int main(void) {
    clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
    struct timespec now;
    for (int i = 0; i < 4; i++) {
        clock_gettime(clocks[i], &now);
        if (!box_time(now.tv_sec)) { printf("clock %d shows %ld s\n", clocks[i], (long)now.tv_sec); return 1; }
    }
    struct sysinfo info;
    sysinfo(&info);
    if (!box_time(info.uptime)) { printf("sysinfo shows %ld s\n", info.uptime); return 2; }
    if (open("/proc/uptime", O_RDONLY) >= 0 || open("/proc/stat", O_RDONLY) >= 0) { puts("/proc tells"); return 3; }
    return 0;
}
