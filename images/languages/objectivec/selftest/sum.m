#include <stdio.h>
#include <stdlib.h>
#include <string.h>

@interface Probe
+ (int)main;
@end

@implementation Probe
+ (int)main {
    long a, b;
    if (scanf("%ld %ld", &a, &b) != 2) return 1;
    printf("%ld\n", a + b);
    return 0;
}
@end

int main(void) {
    return [Probe main];
}
