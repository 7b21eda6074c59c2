#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* ELF32 for i386: mov $1,%eax; mov $42,%ebx; int $0x80 -- exit(42). */
static const unsigned char elf[] = {
    0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 1, 0, 0, 0,
    0x54, 0x80, 0x04, 0x08, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x34, 0, 0x20, 0, 1, 0, 0, 0, 0, 0, 0, 0,
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x04, 0x08, 0, 0x80, 0x04, 0x08, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 5, 0, 0, 0,
    0, 0x10, 0, 0, 0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80};
int main(void) {
    int f = open("elf32", O_CREAT | O_WRONLY, 0700), status;
    if (write(f, elf, sizeof elf) != sizeof elf) { puts("could not be written"); return 1; }
    close(f);
    pid_t child = fork();
    if (child == 0) { execl("./elf32", "elf32", NULL); _exit(127); }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 42) puts("a 32-bit program ran");
    else printf("it ended with %x\n", status);
    return 1;
}
