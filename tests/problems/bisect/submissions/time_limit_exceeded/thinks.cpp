// Asks well, and thinks without end between two questions.
#include <iostream>

int main() {
    long long n;
    std::cin >> n;
    std::cout << "? " << (n + 1) / 2 << std::endl;
    for (volatile unsigned long i = 0;; i = i + 1) {
    }
}
