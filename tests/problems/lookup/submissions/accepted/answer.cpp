#include <fstream>
#include <string>

bool look_up(const std::string& key, int& number) {
    std::ifstream table("table.txt");
    std::string name;
    for (int value; table >> name >> value;) {
        if (name == key) {
            number = value;
            return true;
        }
    }
    return false;
}
