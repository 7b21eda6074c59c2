#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>
/* Things that block, never end, or are nothing, in place of an answer. */
int main(void) {
    struct sockaddr_un name = {AF_UNIX, "/w/socket"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    /* No FIFO can be made at all; if one can, the collector has to refuse it. */
    mkfifo("/w/fifo", 0666);
    if (mkdir("/w/dir", 0755) != 0) { perror("dir"); return 1; }
    if (bind(s, (struct sockaddr *)&name, sizeof name) != 0 || listen(s, 1) != 0) { perror("socket"); return 1; }
    if (mknod("/w/device", S_IFCHR | 0666, makedev(1, 5)) == 0 || mknod("/w/disk", S_IFBLK | 0666, makedev(254, 0)) == 0) { puts("made a device"); return 1; }
    symlink("/dev/zero", "/w/zero");
    symlink("zero", "/w/chain");
    return 0;
}
