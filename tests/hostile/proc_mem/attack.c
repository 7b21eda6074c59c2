#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
static const char constant[] = "before";
/* Memory by file: ours and our children's are ours (debuggers, read-only pages and all); the init's is not there. */
int main(int argc, char **argv) {
    (void)argv;
    char path[64], word[8] = "after";
    if (argc > 1) {
        /* A child in place of the init: what is closed in the box is open here. */
        pid_t child = fork();
        if (child == 0) for (;;) pause();
        struct iovec own = {word, 8}, its = {path, 8};
        snprintf(path, sizeof path, "/proc/%d/mem", child);
        return open(path, O_RDONLY) >= 0 && process_vm_writev(child, &own, 1, &its, 1, 0) == 8 ? 0 : (perror(path), 1);
    }
    int own = open("/proc/self/mem", O_RDWR);
    if (own < 0 || pwrite(own, "after", 6, (off_t)constant) != 6) { perror("our own memory"); return 1; }
    for (int pid = 1; pid < 4000; pid++) {
        if (pid == getpid()) continue;
        snprintf(path, sizeof path, "/proc/%d/mem", pid);
        if (open(path, O_RDONLY) >= 0 || open(path, O_RDWR) >= 0) { printf("%s opens\n", path); return 1; }
        snprintf(path, sizeof path, "/proc/%d/maps", pid);
        if (open(path, O_RDONLY) >= 0) { printf("%s opens\n", path); return 1; }
    }
    puts("closed");
    fflush(stdout);
    struct iovec local = {word, 8}, remote = {(void *)constant, 8};
    printf("process_vm_writev gave %zd\n", process_vm_writev(1, &local, 1, &remote, 1, 0));
    return 1;
}
