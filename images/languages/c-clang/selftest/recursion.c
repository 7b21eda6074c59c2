#include <stdio.h>

volatile int one = 1;

int depth(int n) {
    return n == 0 ? 0 : depth(n - 1) + one;
}

int main(void) {
    int n;
    if (scanf("%d", &n) == 1) printf("%d\n", depth(n));
}
