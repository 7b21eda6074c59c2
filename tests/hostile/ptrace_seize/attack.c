#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <unistd.h>
int main(void) {
    pid_t child = fork();
    if (child == 0) for (;;) pause();
    long result = ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXIT);
    puts("survived");
    kill(child, SIGKILL);
    return result != 0;
}
