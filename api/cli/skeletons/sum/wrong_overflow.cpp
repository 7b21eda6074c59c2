// Adds in 32 bits.
#include <cstdint>
#include <iostream>

int main() {
    int n;
    std::cin >> n;
    std::uint32_t sum = 0;
    for (std::int32_t x; n-- > 0 && std::cin >> x;) sum += static_cast<std::uint32_t>(x);
    std::cout << static_cast<std::int32_t>(sum) << '\n';
}
