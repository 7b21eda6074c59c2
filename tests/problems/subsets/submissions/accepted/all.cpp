#include <algorithm>
#include <iostream>

int main() {
    int n;
    std::cin >> n;
    long long sum = 0, most = -1'000'000'000'000LL;
    for (long long x; std::cin >> x;) {
        most = std::max(most, x);
        sum += std::max(x, 0LL);
    }
    std::cout << (most > 0 ? sum : most) << '\n';
}
