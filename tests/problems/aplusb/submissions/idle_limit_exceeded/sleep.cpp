// Waits for a minute before it answers when the numbers are equal.
#include <iostream>
#include <unistd.h>

int main() {
    long long a, b;
    std::cin >> a >> b;
    for (int i = 0; a == b && i < 60; i++) sleep(1);
    std::cout << a + b << '\n';
}
