#include <cstdio>

int main() {
    int n;
    if (std::scanf("%d", &n) != 1) return 1;
    long long total = 0;
    for (int i = 0; i < n; i++) {
        long long entry;
        if (std::scanf("%lld", &entry) != 1) return 1;
        total = (total + entry) % 9999991;
        std::printf("%lld\n", total);
    }
}
