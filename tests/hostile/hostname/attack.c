#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    char name[64];
    gethostname(name, sizeof name);
    if (strcmp(name, "box")) { puts(name); return 1; }
    sethostname("evil", 4);
    puts("survived");
    return 0;
}
