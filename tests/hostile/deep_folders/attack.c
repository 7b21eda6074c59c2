#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
    char name[201];
    memset(name, 'n', 200);
    name[200] = 0;
    if (mkdir("a", 0700) || mkdir("a/b", 0700) || rename("a", "a/b/c") == 0) return 1;
    int depth = 0;
    while (depth < 3000 && mkdir(name, 0700) == 0 && chdir(name) == 0) depth++;
    printf("%d deep\n", depth);
    return depth < 500;
}
