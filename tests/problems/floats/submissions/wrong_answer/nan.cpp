// No number at all.
#include <cstdio>

int main() { std::puts("inf"); }
