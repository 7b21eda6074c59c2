#include <stdlib.h>
#include <string.h>

// Without it a compiler may see that nobody reads the blocks, and leave them out.
char *volatile kept;

int main(void) {
    for (;;) {
        size_t chunk = 16u << 20;
        void *block = malloc(chunk);
        if (block) memset(block, 1, chunk);
        kept = block;
    }
}
