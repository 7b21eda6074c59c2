#include <string.h>
#include <unistd.h>
static char block[1 << 16];
int main(void) { memset(block, 'x', sizeof block); for (;;) write(2, block, sizeof block); }
