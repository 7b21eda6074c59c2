#include <signal.h>
#include <unistd.h>
int main(void) { if (fork() == 0) pause(); usleep(10000); kill(-1, SIGKILL); kill(getpid(), SIGKILL); for (;;) {} }
