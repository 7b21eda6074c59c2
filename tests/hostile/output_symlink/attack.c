#include <sys/stat.h>
#include <unistd.h>
int main(void) {
    symlink("/etc/passwd", "/w/answer");
    symlink("/", "/w/dir");
    mkfifo("/w/fifo", 0666);
    return 0;
}
