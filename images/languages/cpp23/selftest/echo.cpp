#include <cstdio>

int main() {
    char block[4096];
    while (std::size_t n = std::fread(block, 1, sizeof block, stdin)) std::fwrite(block, 1, n, stdout);
}
