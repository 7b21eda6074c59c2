// Plays one round; the rounds to come stand in the input, those after this one go into nextpass.in.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

static std::string feedback;

[[noreturn]] static void end(int status, const std::string& why) {
    std::ofstream(feedback + "judgemessage.txt", std::ios::app) << why << "\n";
    std::exit(status);
}

int main(int, char** argv) {
    const int accept = 42, reject = 43, numbers_max = 10;
    feedback = argv[3];
    std::ifstream input(argv[1]);
    std::vector<int> secrets;
    for (int secret; input >> secret;) secrets.push_back(secret);
    for (int i = 0; i < numbers_max; i++) {
        int x = 0;
        if (!(std::cin >> x)) end(reject, "no number");
        const char* said = secrets[0] < x ? "lower" : secrets[0] > x ? "higher" : "equal";
        std::cout << said << std::endl;
        if (x != secrets[0]) continue;
        if (secrets.size() > 1) {
            std::ofstream next(feedback + "nextpass.in");
            for (size_t k = 1; k < secrets.size(); k++) next << secrets[k] << "\n";
        }
        end(accept, "found after " + std::to_string(i + 1) + " numbers");
    }
    end(reject, "too many numbers");
}
