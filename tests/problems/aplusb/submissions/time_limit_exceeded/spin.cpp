// Never stops computing when the numbers are equal.
#include <iostream>

int main() {
    long long a, b;
    std::cin >> a >> b;
    volatile unsigned long long n = 0;
    while (a == b) n = n + 1;
    std::cout << a + b << '\n';
}
