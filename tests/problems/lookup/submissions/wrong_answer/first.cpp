#include <fstream>
#include <string>

bool look_up(const std::string&, int& number) {
    std::ifstream table("table.txt");
    std::string name;
    return static_cast<bool>(table >> name >> number);
}
