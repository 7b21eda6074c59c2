#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
/* The answer is a plain name; what leads to it is a link: out of the box, to its image, to itself. */
int main(void) {
    symlink("/bin", "/w/image");
    symlink("../../../../../../../../bin", "/w/up");
    symlink(".", "/w/here");
    symlink("/proc/self/root/w", "/w/magic");
    int f = open("/w/answer", O_CREAT | O_WRONLY, 0644);
    write(f, "mine\n", 5);
    return 0;
}
