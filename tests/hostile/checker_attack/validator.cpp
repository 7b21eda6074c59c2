// A careless checker: no test of what it reads, copies of everything, and time that grows with the square.
#include <iostream>
#include <string>
#include <vector>

int main() {
    std::vector<std::string> words;
    for (std::string word; std::cin >> word;) words.push_back(word);
    if (std::stoi(words.at(0)) != 1) return 43;
    std::vector<std::string> copies;
    for (const std::string& word : words) {
        for (size_t at = 0; at < word.size(); at += 4096) copies.push_back(word);
    }
    volatile unsigned long same = 0;
    for (const std::string& a : words) {
        for (const std::string& b : words) same = same + (a == b);
    }
    return 42;
}
