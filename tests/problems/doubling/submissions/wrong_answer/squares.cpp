// So large that the interactor ends the talk.
#include <iostream>

int main() {
    for (long long n; std::cin >> n && n != 0;) std::cout << (n > 100 ? n * n : 2 * n) << std::endl;
}
