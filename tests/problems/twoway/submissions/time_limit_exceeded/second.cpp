// Fast in the first pass.
#include <iostream>
#include <string>

int main() {
    std::string task;
    std::cin >> task;
    if (task == "decode") {
        for (volatile unsigned long i = 0;; i = i + 1) {
        }
    }
    std::cout << "ab\n";
}
