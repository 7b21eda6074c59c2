// Waits for a minute and only then answers.
#include <iostream>
#include <unistd.h>

int main() {
    long long a, b;
    std::cin >> a >> b;
    for (int i = 0; i < 60; i++) sleep(1);
    std::cout << a + b << '\n';
}
