#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int control = argc > 1;
    char name[64];
    gethostname(name, sizeof name);
    if (!control && strcmp(name, "box")) { puts(name); return 1; }
    int bad = sethostname("evil", 4);
    puts("survived");
    return bad != 0;
}
