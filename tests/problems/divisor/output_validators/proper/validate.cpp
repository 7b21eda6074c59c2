// Accepts any divisor; with the argument `proper`, neither 1 nor the number itself.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

namespace {

const int ACCEPT = 42;
const int WRONG = 43;

[[noreturn]] void reject(const std::string &folder, const std::string &judges, const std::string &team) {
    std::ofstream(folder + "judgemessage.txt") << judges << '\n';
    std::ofstream(folder + "teammessage.txt") << team << '\n';
    std::exit(WRONG);
}

}  // namespace

int main(int argc, char **argv) {
    if (argc < 4) return 1;
    bool proper = false;
    for (int i = 4; i < argc; i++) {
        if (std::string(argv[i]) != "proper") return 1;
        proper = true;
    }
    std::ifstream input(argv[1]);
    const std::string folder = argv[3];
    long long n, d;
    if (!(input >> n)) return 1;
    if (!(std::cin >> d)) reject(folder, "no integer in the output", "an integer is needed");
    std::string more;
    if (std::cin >> more) reject(folder, "output goes on after the number", "only one number is needed");
    if (d < 1 || n % d != 0) reject(folder, std::to_string(d) + " is no divisor", "this is no divisor");
    if (proper && (d == 1 || d == n)) reject(folder, std::to_string(d) + " is trivial", "1 and n do not count");
    return ACCEPT;
}
