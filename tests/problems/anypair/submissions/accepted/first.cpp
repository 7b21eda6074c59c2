// The first pair in reading order.
#include <iostream>
#include <unordered_map>

int main() {
    long long n, s, w;
    std::cin >> n >> s;
    std::unordered_map<long long, int> seen;
    for (int i = 1; i <= n; i++) {
        std::cin >> w;
        auto other = seen.find(s - w);
        if (other != seen.end()) {
            std::cout << other->second << ' ' << i << '\n';
            return 0;
        }
        seen.emplace(w, i);
    }
    std::cout << "impossible\n";
}
