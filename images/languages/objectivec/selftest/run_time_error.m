#include <stdio.h>
#include <stdlib.h>
#include <string.h>

@interface Probe
+ (int)main;
@end

@implementation Probe
+ (int)main {
    abort();
}
@end

int main(void) {
    return [Probe main];
}
