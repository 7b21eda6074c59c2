#define _GNU_SOURCE
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
static void *leave(void *unused) { usleep(20000); syscall(SYS_exit_group, 0x100 + 77); return unused; }
int main(void) {
    pthread_t thread;
    if (pthread_create(&thread, 0, leave, 0)) return 1;
    pthread_exit((void *)3);
}
