// Finds small numbers: in some cases it is a later round that it loses.
#include <iostream>
#include <string>

int main() {
    std::string said;
    for (int x = 1; said != "equal"; x++) {
        std::cout << x << std::endl;
        if (!(std::cin >> said)) return 0;
    }
}
