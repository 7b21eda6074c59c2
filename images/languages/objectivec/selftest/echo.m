#include <stdio.h>
#include <stdlib.h>
#include <string.h>

@interface Probe
+ (int)main;
@end

@implementation Probe
+ (int)main {
    int c;
    while ((c = getchar()) != EOF) putchar(c);
    return 0;
}
@end

int main(void) {
    return [Probe main];
}
