// Waits for the answer to a question that is still in its own buffer.
#include <cstdio>

int main() {
    long long n;
    char said[16];
    if (std::scanf("%lld", &n) != 1) return 1;
    std::printf("? %lld\n", (n + 1) / 2);
    if (std::scanf("%15s", said) != 1) return 2;
}
