#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
    if (open("/bin/x", O_WRONLY) >= 0 || open("/new", O_CREAT | O_WRONLY, 0600) >= 0 || unlink("/bin/x") == 0 ||
        open("/proc/self/exe", O_WRONLY) >= 0) { puts("the image is writable"); return 1; }
    return 0;
}
