#include <iostream>

int main() {
    for (long long n; std::cin >> n && n != 0;) std::cout << (n % 2 ? "odd" : "even") << std::endl;
}
