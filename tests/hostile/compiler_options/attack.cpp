// Honest, unless one of the files beside it was taken for an option of the compiler.
#include <cstdio>
int main() {
#ifdef EVIL
    std::puts("an option was smuggled in");
    return 1;
#else
    std::puts("honest");
#endif
}
