#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
/* "Shocker": a file of the same disk by its inode number, around every path. The root of most is inode 2. */
int main(void) {
    union { struct file_handle handle; char space[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } h;
    const char *names[] = {"/", "/bin/x", "/w", "/proc/self/exe"};
    int mount;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        for (int flags = 0; flags <= AT_SYMLINK_FOLLOW; flags += AT_SYMLINK_FOLLOW) {
            h.handle.handle_bytes = MAX_HANDLE_SZ;
            if (name_to_handle_at(AT_FDCWD, names[i], &h.handle, &mount, flags) == 0 || errno != EPERM) { printf("a handle of %s\n", names[i]); return 1; }
        }
    memset(&h, 0, sizeof h);
    h.handle.handle_bytes = 8;
    h.handle.handle_type = 1;
    h.space[sizeof(struct file_handle)] = 2;
    puts("closed");
    fflush(stdout);
    int f = open_by_handle_at(open("/bin/x", O_RDONLY), &h.handle, O_RDONLY);
    printf("open_by_handle_at gave %d, errno %d\n", f, errno);
    return 1;
}
