#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#define ADDR_NO_RANDOMIZE 0x40000
#define READ_IMPLIES_EXEC 0x400000
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "CONTROL")) return syscall(SYS_personality, READ_IMPLIES_EXEC) < 0;
    int bad = 0;
    /* Every flag, every domain of other systems, and both together. */
    for (int bit = 8; bit < 32; bit++) {
        unsigned long persona = 1UL << bit;
        if (persona == ADDR_NO_RANDOMIZE || persona == 0x20000) continue;
        if (syscall(SYS_personality, persona) != -1 || errno != EPERM) { printf("flag %lx\n", persona); bad = 1; }
    }
    for (unsigned long domain = 1; domain < 0x20; domain++) {
        if (domain == 8) continue;
        if (syscall(SYS_personality, domain) != -1 || errno != EPERM) { printf("domain %lx\n", domain); bad = 1; }
    }
    if (syscall(SYS_personality, READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE) != -1) { puts("both"); bad = 1; }
    if (syscall(SYS_personality, 0xffffffff) != 0) { puts("the query fails, or something was set"); bad = 1; }
    if (syscall(SYS_personality, ADDR_NO_RANDOMIZE) < 0) { puts("fixed addresses are refused"); bad = 1; }
    return bad;
}
