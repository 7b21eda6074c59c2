// interactor input output answer: tells the numbers of the input and writes down what is said to them.
#include <cstdio>

int main(int, char** argv) {
    FILE* in = std::fopen(argv[1], "r");
    FILE* out = std::fopen(argv[2], "w");
    if (!in || !out) return 3;
    for (int n; std::fscanf(in, "%d", &n) == 1;) {
        std::printf("%d\n", n);
        std::fflush(stdout);
        long long said;
        if (std::scanf("%lld", &said) != 1) {
            std::fprintf(stderr, "wrong output format no number after %d\n", n);
            return 2;
        }
        if (said > 2000000000 || said < -2000000000) {
            std::fprintf(stderr, "wrong answer %lld is no double of anything here\n", said);
            return 1;
        }
        std::fprintf(out, "%lld\n", said);
    }
    std::printf("0\n");
    std::fclose(out);
    std::fprintf(stderr, "ok everything was said\n");
    return 0;
}
