#include <cstdlib>
#include <cstring>

// Touches what it asks for, so that the memory is really used.
int main() {
    for (;;) {
        std::size_t chunk = 16u << 20;
        void *block = std::malloc(chunk);
        if (block) std::memset(block, 1, chunk);
    }
}
