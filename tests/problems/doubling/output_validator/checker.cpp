// checker input output answer: what was written down is what is right.
#include <cstdio>

int main(int, char** argv) {
    FILE* output = std::fopen(argv[2], "r");
    FILE* answer = std::fopen(argv[3], "r");
    if (!output || !answer) return 3;
    for (int at = 1;; at++) {
        long long said = 0, right = 0;
        const bool more = std::fscanf(answer, "%lld", &right) == 1;
        if ((std::fscanf(output, "%lld", &said) == 1) != more || said != right) {
            std::fprintf(stderr, "wrong answer number %d is %lld and should be %lld\n", at, said, right);
            return 1;
        }
        if (!more) break;
    }
    std::fprintf(stderr, "ok\n");
    return 0;
}
