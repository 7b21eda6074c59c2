#include <iostream>
#include <string>

int main() {
    long long low = 1, high;
    std::cin >> high;
    while (low < high) {
        long long middle = (low + high) / 2;
        std::cout << "? " << middle << std::endl;
        std::string said;
        std::cin >> said;
        if (said == "higher") low = middle + 1;
        else high = middle;
    }
    std::cout << "! " << low << std::endl;
}
