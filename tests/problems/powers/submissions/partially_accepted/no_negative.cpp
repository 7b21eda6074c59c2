#include <cstdlib>
#include <iostream>

long long power(long long a, long long n) { return n == 0 ? 1 : a * power(a, n - 1); }

int main() {
    long long a, n;
    std::cin >> a >> n;
    std::cout << power(std::abs(a), n) << '\n';
}
