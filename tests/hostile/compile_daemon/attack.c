#include "../compiler.h"
#include <signal.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
static const struct sockaddr_un door = {AF_UNIX, "\0tribunal-compile-daemon"};
/* Left behind in the compile box, to wait for the box in which the program runs. */
static void wait_for_the_run(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (int s = 1; s < 65; s++) sigaction(s, &ignore, 0);
    setsid();
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), shared = shmget(0x7472, 4096, IPC_CREAT | 0666);
    bind(listener, (const struct sockaddr *)&door, sizeof door), listen(listener, 8);
    for (const char **name = (const char *[]){"/tmp/daemon", "/dev/shm/daemon", "/w/daemon", 0}; *name; name++) close(open(*name, O_CREAT | O_WRONLY, 0666));
    (void)shared;
    copy_self("/w/a.out", 0755);
    close(open("/w/written", O_CREAT | O_WRONLY, 0666));
    for (;;) pause();
}
int main(int argc, char **argv) {
    (void)argc;
    if (compiling(argv)) {
        if (fork() == 0) { if (fork() == 0) wait_for_the_run(); _exit(0); }
        /* Its copy is whole before ours takes its place: half of it would be the attack's own fault. */
        for (int tries = 0; tries < 1000 && access("/w/written", F_OK) != 0; tries++) usleep(5000);
        return copy_self("b.out", 0755) || rename("b.out", "a.out");
    }
    if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr *)&door, sizeof door) == 0) { puts("the daemon answers"); return 1; }
    if (shmget(0x7472, 4096, 0) >= 0) { puts("its shared memory is here"); return 1; }
    for (const char **name = (const char *[]){"/tmp/daemon", "/dev/shm/daemon", "/w/daemon", "/w/b.out", 0}; *name; name++)
        if (access(*name, F_OK) == 0) { printf("%s is here\n", *name); return 1; }
    for (int pid = 2; pid < 300; pid++) if (pid != getpid() && kill(pid, 0) == 0) { printf("process %d lives\n", pid); return 1; }
    puts("alone");
    return 0;
}
