// Counts in the pattern and forgets the painters.
#include <algorithm>
#include <iostream>
#include <string>

int main() {
    long long n, p, q;
    char wanted;
    std::string pattern;
    std::cin >> n >> p >> q >> wanted >> pattern;
    std::cout << n / p * std::count(pattern.begin(), pattern.end(), wanted) << '\n';
}
