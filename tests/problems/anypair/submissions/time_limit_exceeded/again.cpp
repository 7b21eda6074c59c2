// Tries the same pair again and again.
#include <iostream>

int main() {
    long long n, s, a, b;
    std::cin >> n >> s >> a >> b;
    volatile long long sum = a + b;
    while (sum != s * 2) {}
}
