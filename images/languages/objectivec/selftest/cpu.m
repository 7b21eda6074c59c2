#include <stdio.h>
#include <stdlib.h>
#include <string.h>

@interface Probe
+ (int)main;
@end

@implementation Probe
+ (int)main {
    volatile int turns = 0;
    for (;;) turns ^= 1;
}
@end

int main(void) {
    return [Probe main];
}
