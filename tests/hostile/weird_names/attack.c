#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* Names a log, a terminal, a shell or a program of ours could stumble over. */
int main(void) {
    char longest[260] = "/w/d/";
    memset(longest + 5, 'n', 250);
    const char *names[] = {longest, "/w/d/new\nline", "/w/d/\033]0;title\007\033[2J", "/w/d/\xff\xfe\x80", "/w/d/-rf", "/w/d/...",
        "/w/d/$(id)`id`", "/w/d/ ", "/w/d/a\\..\\b", "/w/d/\xe2\x80\xaetxt.exe"};
    mkdir("/w/d", 0755);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        int f = open(names[i], O_CREAT | O_WRONLY, 0644);
        if (f < 0 || write(f, "mine\n", 5) != 5) { perror("open"); return 1; }
        close(f);
    }
    symlink("/bin/x", "/w/d/\033[31mlink\n");
    return 0;
}
