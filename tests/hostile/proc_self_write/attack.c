#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static int put(const char *path, const char *text) {
    int f = open(path, O_WRONLY);
    int done = f >= 0 && write(f, text, strlen(text)) == (ssize_t)strlen(text);
    close(f);
    return done;
}
static int value(const char *path) {
    char text[64] = {0};
    int f = open(path, O_RDONLY);
    read(f, text, sizeof text - 1);
    close(f);
    return atoi(text);
}
/* The files of our own entry that could make us more than we are. */
int main(void) {
    const char *refused[][2] = {{"oom_score_adj", "-1"}, {"oom_score_adj", "-1000"}, {"oom_adj", "-17"}, {"timens_offsets", "monotonic 5 0\n"},
        {"setgroups", "allow"}, {"setgroups", "deny"}, {"uid_map", "0 0 4294967295\n"}, {"uid_map", "0 1000 1\n"}, {"gid_map", "0 0 1\n"},
        {"attr/current", "unconfined"}, {"attr/exec", "unconfined"}, {"attr/apparmor/current", "changeprofile x"},
        {"sched_rt_runtime", "1"}, {"patch_state", "1"}, {"make-it-fail", "1"}, {"cgroup", "/"}, {"limits", "Max processes unlimited"}};
    char path[64];
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
        snprintf(path, sizeof path, "/proc/self/%s", refused[i][0]);
        if (put(path, refused[i][1])) { printf("%s takes %s\n", path, refused[i][1]); return 1; }
    }
    /* Allowed, and without effect on others: the first to go when memory ends, dumps that are never written. */
    if (!put("/proc/self/oom_score_adj", "1000") || value("/proc/self/oom_score_adj") != 1000) { puts("oom_score_adj"); return 1; }
    put("/proc/self/coredump_filter", "0x7f");
    if (fork() == 0) abort();
    int status;
    wait(&status);
    if (WCOREDUMP(status)) { puts("a core was dumped"); return 1; }
    return 0;
}
