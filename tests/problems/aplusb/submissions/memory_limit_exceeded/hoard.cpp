// Takes a megabyte at a time and writes to each page of it, up to 1 GiB.
#include <cstdlib>
#include <iostream>

int main() {
    const std::size_t step = 1 << 20;
    for (int i = 0; i < 1024; i++) {
        volatile char *block = static_cast<volatile char *>(std::malloc(step));
        if (block == nullptr) return 0;
        for (std::size_t at = 0; at < step; at += 4096) block[at] = 1;
    }
    std::cout << "0\n";
}
