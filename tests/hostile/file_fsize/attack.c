#include <fcntl.h>
#include <unistd.h>
static char block[1 << 16];
int main(void) { int f = open("/w/out", O_CREAT | O_WRONLY, 0600); for (;;) write(f, block, sizeof block); }
