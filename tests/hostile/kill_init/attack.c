#include <signal.h>
#include <stdio.h>
#include <errno.h>
int main(void) {
    int signals[] = {SIGKILL, SIGTERM, SIGSTOP, SIGCONT};
    for (int i = 0; i < 4; i++)
        if (kill(1, signals[i]) == 0) { printf("signal %d reached pid 1\n", signals[i]); return 1; }
    kill(-1, 0);
    return 0;
}
