#include <cstdlib>
#include <cstring>

// Touches what it asks for, so that the memory is really used, and keeps it where a compiler must think that
// somebody reads it.
void *volatile kept;

int main() {
    for (;;) {
        std::size_t chunk = 16u << 20;
        void *block = std::malloc(chunk);
        if (block) std::memset(block, 1, chunk);
        kept = block;
    }
}
