// A name of 4 KiB in twenty forms, each of them an error with the chain of macros that made it.
#define P(a, b) P_(a, b)
#define P_(a, b) a##b
#define N4 sixteen_letters_
#define N5 P(N4, N4)
#define N6 P(N5, N5)
#define N7 P(N6, N6)
#define N8 P(N7, N7)
#define N9 P(N8, N8)
#define N10 P(N9, N9)
#define N11 P(N10, N10)
#define N12 P(N11, N11)
int main() {
    P(N12, 0) = 0;
    P(N12, 1) = 0;
    P(N12, 2) = 0;
    P(N12, 3) = 0;
    P(N12, 4) = 0;
    P(N12, 5) = 0;
    P(N12, 6) = 0;
    P(N12, 7) = 0;
    P(N12, 8) = 0;
    P(N12, 9) = 0;
    P(N12, 10) = 0;
    P(N12, 11) = 0;
    P(N12, 12) = 0;
    P(N12, 13) = 0;
    P(N12, 14) = 0;
    P(N12, 15) = 0;
    P(N12, 16) = 0;
    P(N12, 17) = 0;
    P(N12, 18) = 0;
    P(N12, 19) = 0;
}
