#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
/* Deeper than any path can say, so that whoever cleans up by walking down fails or takes for ever. */
int main(void) {
    int deep = 0;
    mkdir("/w/deep", 0755);
    chdir("/w/deep");
    for (; deep < 10000; deep++)
        if (mkdir("d", 0755) != 0 || chdir("d") != 0) { perror("d"); return 1; }
    int f = open("bottom", O_CREAT | O_WRONLY, 0600);
    return f >= 0 ? 0 : (perror("bottom"), 1);
}
