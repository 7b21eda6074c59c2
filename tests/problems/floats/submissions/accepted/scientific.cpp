// Another way to write the same number.
#include <cmath>
#include <cstdio>
#include <vector>

int main() {
    int n;
    if (std::scanf("%d", &n) != 1) return 1;
    std::vector<double> x(n), y(n);
    for (int i = 0; i < n; i++) {
        double a, b;
        if (std::scanf("%lf %lf", &a, &b) != 2) return 1;
        x[i] = a;
        y[i] = b;
    }
    double sum = 0;
    for (int i = 0; i < n; i++) {
        int j = (i + 1) % n;
        sum += std::hypot(x[i] - x[j], y[i] - y[j]);
    }
    std::printf("%+.12E\n", sum);
}
