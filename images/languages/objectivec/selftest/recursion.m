#include <stdio.h>

@interface Probe
+ (long)depth:(long)n;
@end

@implementation Probe
+ (long)depth:(long)n {
    return n == 0 ? 0 : [self depth:n - 1] + 1;
}
@end

int main(void) {
    long n;
    if (scanf("%ld", &n) != 1) return 1;
    printf("%ld\n", [Probe depth:n]);
    return 0;
}
