#include <stdlib.h>
#include <string.h>

int main(void) {
    for (;;) {
        size_t chunk = 16u << 20;
        void *block = malloc(chunk);
        if (block) memset(block, 1, chunk);
    }
}
