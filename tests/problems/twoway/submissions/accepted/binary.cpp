#include <iostream>
#include <string>

int main() {
    std::string task, word;
    std::cin >> task >> word;
    if (task == "encode") {
        std::string letters;
        for (long long n = std::stoll(word); letters.empty() || n > 0; n /= 2) letters += n % 2 ? 'b' : 'a';
        std::cout << letters << "\n";
        return 0;
    }
    long long n = 0;
    for (size_t i = word.size(); i-- > 0;) n = n * 2 + (word[i] == 'b');
    std::cout << n << "\n";
}
