#include <stdio.h>
#include <stdlib.h>
#include <string.h>

@interface Probe
+ (int)main;
@end

@implementation Probe
+ (int)main {
    for (;;) memset(malloc(1 << 20), 1, 1 << 20);
}
@end

int main(void) {
    return [Probe main];
}
