// Dies in the middle. The judge reads an end and says no, but that came later.
#include <cstdlib>
#include <iostream>
#include <string>

int main() {
    long long n;
    std::string said;
    std::cin >> n;
    std::cout << "? " << (n + 1) / 2 << std::endl;
    std::cin >> said;
    std::abort();
}
