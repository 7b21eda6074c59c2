// Ten thousand errors, each with the chain of macros that led to it.
#define A static_assert(false, "an error that comes ten thousand times");
#define B A A A A A A A A A A
#define C B B B B B B B B B B
#define D C C C C C C C C C C
D D D D D D D D D D
int main() {}
