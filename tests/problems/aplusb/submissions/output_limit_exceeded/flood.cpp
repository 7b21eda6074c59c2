// Says the same thing for ever.
#include <cstdio>

int main() {
    for (;;) std::puts("the sum is the sum is the sum is the sum is the sum is the sum");
}
