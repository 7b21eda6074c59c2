// One word without an end.
#include <cstdio>

int main() {
    for (;;) std::fputs("xxxxxxxxxxxxxxxx", stdout);
}
