#include <cmath>
#include <iostream>

int main() {
    long long n;
    std::cin >> n;
    std::cout << std::llround(std::sqrt(static_cast<double>(n))) << '\n';
}
