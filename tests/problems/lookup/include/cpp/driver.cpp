#include <iostream>
#include <string>

bool look_up(const std::string& key, int& number);

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        int number = {{missing}};
        look_up(argv[i], number);
        std::cout << number << '\n';
    }
}
