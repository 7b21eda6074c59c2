#include <signal.h>
#include <stdio.h>
#include <errno.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    int signals[] = {SIGKILL, SIGTERM, SIGSTOP, SIGCONT};
    for (int i = 0; i < 4; i++)
        if (kill(1, signals[i]) == 0) { printf("signal %d reached pid 1\n", signals[i]); return !control; }
    kill(-1, 0);
    return control;
}
