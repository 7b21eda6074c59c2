// Asks too often. The judge says no and leaves; what this program dies of afterwards, SIGPIPE, is not its verdict.
#include <iostream>
#include <string>

int main() {
    long long n;
    std::cin >> n;
    for (long long x = 1;; x++) {
        std::cout << "? " << x << std::endl;
        std::string said;
        std::cin >> said;
        if (said == "equal") {
            std::cout << "! " << x << std::endl;
            return 0;
        }
    }
}
