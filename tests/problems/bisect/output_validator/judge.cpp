// Plays the game. argv: input answer feedback_dir/. Standard input is the submission's output, standard output its input.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

static std::string feedback;

[[noreturn]] static void end(int status, const std::string& why) {
    std::ofstream(feedback + "judgemessage.txt") << why << "\n";
    std::exit(status);
}

int main(int, char** argv) {
    const int accept = 42, reject = 43, questions_max = 40;
    feedback = argv[3];
    std::ifstream input(argv[1]);
    long long n = 0, secret = 0;
    input >> n >> secret;
    std::cout << n << std::endl;
    for (int asked = 0;; asked++) {
        std::string kind;
        long long x = 0;
        if (!(std::cin >> kind)) end(reject, "the output ended after " + std::to_string(asked) + " questions");
        if (!(std::cin >> x) || x < 1 || x > n) end(reject, "no number of the game after `" + kind + "`");
        if (kind == "!") {
            std::string rest;
            if (std::cin >> rest) end(reject, "more output after the answer");
            if (x != secret) end(reject, "the answer is wrong");
            end(accept, std::to_string(asked) + " questions");
        }
        if (kind != "?") end(reject, "`" + kind.substr(0, 20) + "` is no question");
        if (asked == questions_max) end(reject, "a question too many");
        std::cout << (secret < x ? "lower" : secret > x ? "higher" : "equal") << std::endl;
    }
}
