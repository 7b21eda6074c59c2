// Four points a case: eight for the first group, four for the second.
#include <iostream>

int main() {
    long long n, root = 0;
    std::cin >> n;
    while (root * root < n) {
        ++root;
    }
    std::cout << root + 1 << '\n';
}
