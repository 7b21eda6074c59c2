// Too small a type: a number that does not fit ends its input, so it leaves in the middle.
#include <iostream>

int main() {
    for (int n; std::cin >> n && n != 0;) std::cout << (n % 2 ? "odd" : "even") << std::endl;
}
