// A byte for each plank: 42 MiB.
#include <iostream>
#include <string>
#include <vector>

int main() {
    std::ios::sync_with_stdio(false);
    std::size_t n, p, q;
    char wanted;
    std::string pattern;
    std::cin >> n >> p >> q >> wanted >> pattern;
    std::vector<char> wall(n);
    for (std::size_t i = 0, at = 0; i < n; i++, at = at + 1 == p ? 0 : at + 1) wall[i] = pattern[at];
    while (q-- > 0) {
        std::size_t first, last;
        char colour;
        std::cin >> first >> last >> colour;
        for (std::size_t i = first - 1; i < last; i++) wall[i] = colour;
    }
    std::size_t count = 0;
    for (auto plank : wall) count += plank == wanted;
    std::cout << count << '\n';
}
