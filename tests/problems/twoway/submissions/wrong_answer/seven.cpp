#include <iostream>
#include <string>

int main() {
    std::string task;
    std::cin >> task;
    std::cout << (task == "encode" ? "a" : "7") << "\n";
}
