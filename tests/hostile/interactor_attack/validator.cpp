// An interactor as they are: reads a word, says a lot.
#include <iostream>
#include <string>

int main() {
    std::string word, many(60000, 'z');
    while (std::cin >> word) {
        if (word != "more") return 43;
        std::cout << many << std::endl;
    }
    return 43;
}
