#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 120; i++, usleep(2000)) {
        char byte;
        int file = open("/bin/x", O_RDONLY);
        read(file, &byte, 1);
        close(file);
        DIR *folder = opendir("/bin");
        if (folder) { while (readdir(folder)); closedir(folder); }
    }
    return 0;
}
