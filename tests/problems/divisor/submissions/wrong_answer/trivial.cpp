// True, but it does not count.
#include <iostream>

int main() { std::cout << 1 << '\n'; }
