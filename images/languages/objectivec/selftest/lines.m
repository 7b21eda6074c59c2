#include <stdio.h>
#include <stdlib.h>
#include <string.h>

@interface Probe
+ (int)main;
@end

@implementation Probe
+ (int)main {
    for (int i = 1; i <= 1000000; i++) printf("%d\n", i);
    return 0;
}
@end

int main(void) {
    return [Probe main];
}
