#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* Every number of 0 to 599 at most VECTORS times, in the order of a seeded shuffle, until the time is over. A child
   calls until it dies or hangs; its parent starts another behind the call that did it. */
#define VECTORS 4
#define NUMBERS 600
static uint64_t seed;
static uint64_t next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}
/* The kill class ends the box by design; the exits and signals to all end this program and nothing else. */
static const int left_out[] = {
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, 438, SYS_kcmp, 440, SYS_move_pages, SYS_migrate_pages, 448,
    SYS_mount, SYS_umount2, SYS_pivot_root, 442, 428, 467, 429, 430, 431, 432, 433, SYS_setns, SYS_unshare, SYS_chroot,
    SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_bpf, SYS_add_key,
    SYS_request_key, SYS_keyctl, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, 443, SYS_iopl, SYS_ioperm,
    SYS_settimeofday, SYS_clock_settime, SYS_sethostname, SYS_setdomainname, SYS_syslog, SYS_vhangup, 180, 212,
    SYS_fanotify_init, SYS_fanotify_mark, 134, 156, 136, 139, 174, 177, 178, SYS_open_by_handle_at, SYS_perf_event_open,
    SYS_userfaultfd, SYS_exit, SYS_exit_group, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo, 424, SYS_rt_sigreturn};
static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static int out(int number) {
    for (unsigned i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (left_out[i] == number) return 1;
    return 0;
}
static long word(char *page) {
    switch (next() % 8) {
    case 0: return 0;
    case 1: return -1;
    case 2: return next() % 8;
    case 3: return (long)page;
    case 4: return (long)page + next() % 4096;
    case 5: return 1L << next() % 64;
    case 6: return next() & 0xffff;
    default: return (long)next();
    }
}
int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
    static int order[NUMBERS * VECTORS];
    int count = 0;
    for (int v = 0; v < VECTORS; v++)
        for (int n = 0; n < NUMBERS; n++)
            if (!out(n)) order[count++] = n;
    for (int i = count - 1; i > 0; i--) {
        int j = next() % (i + 1), keep = order[i];
        order[i] = order[j];
        order[j] = keep;
    }
    volatile int *at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || page == MAP_FAILED) return 1;
    strcpy(page, "./fuzzed");
    long end = now_ms() + 300;
    while (*at < count && now_ms() < end) {
        pid_t child = fork();
        if (child < 0) break;
        if (child == 0) {
            while (*at < count) {
                int number = order[(*at)++];
                seed = seed * 6364136223846793005u + number + *at;
                syscall(number, word(page), word(page), word(page), word(page), word(page), word(page));
            }
            _exit(0);
        }
        /* A child that hangs in a call is taken away after 10 ms without progress. */
        for (int before = -1; waitpid(child, 0, WNOHANG) == 0;) {
            if (*at == before || now_ms() >= end) kill(child, SIGKILL);
            before = *at;
            struct timespec ten = {0, 10000000};
            nanosleep(&ten, 0);
        }
    }
    return 0;
}
