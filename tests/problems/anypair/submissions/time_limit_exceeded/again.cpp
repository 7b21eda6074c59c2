// Looks through many stones again and again, and never believes that there is no pair.
#include <iostream>
#include <vector>

int main() {
    long long n, s;
    std::cin >> n >> s;
    std::vector<long long> weights(n);
    for (auto &w : weights) std::cin >> w;
    do {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                if (weights[i] + weights[j] == s) {
                    std::cout << j + 1 << ' ' << i + 1 << '\n';
                    return 0;
                }
            }
        }
        std::cout << std::flush;
    } while (n > 100);
    std::cout << "impossible\n";
}
