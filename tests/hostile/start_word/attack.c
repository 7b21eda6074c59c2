#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define SAYS 42
/* 0 when a program started with this word in the sixth argument, which the kernel itself does not read. */
static int starts(unsigned long word) {
    char *argv[] = {"program", "started", 0}, *env[] = {0};
    register unsigned long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0, r9 __asm__("r9") = word;
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"(SYS_execve), "D"("./program"), "S"(argv), "d"(env), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return (int)r;
}
extern char **environ;
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "started")) { puts("a second program runs"); return SAYS; }
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) {
        int status;
        pid_t child = fork();
        if (child == 0) _exit(-starts(4711));
        waitpid(child, &status, 0);
        return !(WIFEXITED(status) && WEXITSTATUS(status) == SAYS);
    }
    int bad = 0;
    /* Everything from here to the end of its first page of stack and beyond, at every byte. */
    unsigned char *low = (unsigned char *)&bad, *end = (unsigned char *)environ;
    while (*(long *)end) end += 8;
    for (unsigned char *at = low; at < end + 400; at++) {
        unsigned long word;
        memcpy(&word, at, sizeof word);
        if (starts(word) != -EPERM) { printf("%lx\n", word); bad = 1; }
    }
    for (unsigned long guess = 0; guess < 2000; guess++)
        if (starts(guess) != -EPERM || starts(guess * 0x9e3779b97f4a7c15) != -EPERM) { puts("a guess"); bad = 1; }
    char *none[] = {0};
    if (execve("./program", none, none) != -1 || errno != EPERM) { puts("execve"); bad = 1; }
    if (syscall(SYS_execveat, open("./program", O_RDONLY), "", none, none, 0x1000) != -1 || errno != EPERM) { puts("execveat"); bad = 1; }
    if (socket(AF_UNIX, SOCK_STREAM, 0) != -1 || errno != EAFNOSUPPORT) { puts("a socket"); bad = 1; }
    int two[2], status;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, two) != -1 || errno != EAFNOSUPPORT) { puts("a pair"); bad = 1; }
    /* Forks and threads are left to it. */
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0 || waitpid(child, &status, 0) != child || status) { puts("it cannot fork"); bad = 1; }
    return bad;
}
