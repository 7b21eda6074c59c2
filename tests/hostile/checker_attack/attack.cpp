// Output that a careless checker trips over; the file `variant` says which.
#include <cstdio>
#include <fstream>
#include <string>

int main() {
    std::string variant;
    std::ifstream("variant") >> variant;
    if (variant == "word") std::puts("nan");
    if (variant == "long_line") std::printf("1 %s\n", std::string(3 << 20, '7').c_str());
    if (variant == "many") {
        for (int n = 0; n < 1000000; n++) std::fputs("1 ", stdout);
    }
    if (variant == "nul") std::fwrite("2\0001 1 1 1", 1, 9, stdout);
    if (variant == "honest") std::puts("1 1");
}
