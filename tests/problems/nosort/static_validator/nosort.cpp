// Rejects sources with the word `sort`; what it is called with must be what the format says.
#include <fstream>
#include <iterator>
#include <string>

int main(int argc, char **argv) {
    if (argc != 5 || std::string(argv[4]) != "sort") return 1;
    std::ifstream source(argv[2]);
    if (!source) return 1;
    const std::string text((std::istreambuf_iterator<char>(source)), std::istreambuf_iterator<char>());
    if (text.find(argv[4]) == std::string::npos) return 42;
    std::ofstream(std::string(argv[3]) + "teammessage.txt") << "it sorts\n";
    return 43;
}
