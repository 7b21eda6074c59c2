#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    if (fork() == 0) { long r = ptrace(PTRACE_TRACEME, 0, 0, 0); if (control) _exit(r != 0); pause(); }
    int status;
    wait(&status);
    puts("survived");
    return status != 0;
}
