// Written by `tribunal problem import`. One output validator of the package format made of two programs in
// the way of testlib: `interactor`, which talks with the submission, then `checker` on what it wrote.
//
// Called as `run input answer feedback_dir/ [points]`; with `points` a part of them may be given. Exits with
// 42 (right), 43 (wrong), or anything else when a program of the problem failed.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef WITH_OUTPUT
#define WITH_OUTPUT 1
#endif

static std::string feedback;
// The folder of this program: the work directory is the submission's.
static std::string here = "./";
static bool points;

static std::string first_line(const std::string& path) {
    std::string text;
    if (FILE* f = std::fopen(path.c_str(), "r")) {
        char buffer[4096];
        size_t n = std::fread(buffer, 1, sizeof buffer, f);
        text.assign(buffer, n);
        std::fclose(f);
    }
    return text.substr(0, text.find('\n'));
}

static void write(const char* name, const std::string& text) {
    if (FILE* f = std::fopen((feedback + name).c_str(), "w")) {
        std::fwrite(text.data(), 1, text.size(), f);
        std::fclose(f);
    }
}

// Starts a program with stderr in `said`; without `talks` its stdin and stdout lead nowhere. Gives its exit
// status, or 255 when it has none.
static int start(const std::string& program, const std::string arguments[3], bool talks, const std::string& said) {
    pid_t child = fork();
    if (child == 0) {
        int err = open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (err >= 0) dup2(err, 2);
        if (!talks) {
            int none = open("/dev/null", O_RDWR);
            dup2(none, 0);
            dup2(none, 1);
        }
        const char* argv[5] = {program.c_str(), nullptr, nullptr, nullptr, nullptr};
        for (int i = 0, n = 1; i < 3; i++)
            if (!arguments[i].empty()) argv[n++] = arguments[i].c_str();
        execv(program.c_str(), const_cast<char**>(argv));
        _exit(255);
    }
    if (talks) {
        // Ours would keep the submission from seeing the end of the talk.
        int none = open("/dev/null", O_RDWR);
        dup2(none, 0);
        dup2(none, 1);
        close(none);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status)) return 255;
    return WEXITSTATUS(status);
}

static bool begins(const std::string& text, const char* word) { return text.rfind(word, 0) == 0; }

// Ends with the word of the program that was asked last.
static int decide(int status, const std::string& text) {
    write("judgemessage.txt", text);
    bool fail = begins(text, "FAIL");
    if (status == 0 && !fail && !begins(text, "points ")) return 42;
    if (fail || status == 3) return 3;
    bool partly = begins(text, "partially correct");
    if (!partly && (status == 7 || (status == 0 && begins(text, "points ")))) {
        char* end = nullptr;
        const char* number = text.c_str() + (begins(text, "points ") ? 7 : 0);
        double value = std::strtod(number, &end);
        if (end == number || !(value >= 0) || (value > 0 && !points)) return 3;
        if (value == 0) return 43;
        write("score.txt", std::string(number, static_cast<size_t>(end - number)));
        return 42;
    }
    if (partly || (status >= 16 && status <= 116)) {
        size_t open = text.find('(');
        int part = partly && open != std::string::npos ? std::atoi(text.c_str() + open + 1) : status - 16;
        if (part < 0 || part > 100) return 3;
        if (part == 100) return 42;
        if (part == 0 || !points) return 43;
        char number[16];
        std::snprintf(number, sizeof number, "0.%02d", part);
        write("score_multiplier.txt", number);
        return 42;
    }
    return status == 1 || status == 2 || status == 4 || status == 8 ? 43 : 3;
}

int main(int argc, char** argv) {
    if (argc < 4) return 1;
    feedback = argv[3];
    const std::string self = argv[0];
    if (self.rfind('/') != std::string::npos) here = self.substr(0, self.rfind('/') + 1);
    points = argc > 4 && std::strcmp(argv[4], "points") == 0;
    const std::string input = argv[1], answer = argv[2];
    const std::string output = feedback + "interaction.out", said = feedback + "said.txt";
    const std::string talk[3] = {input, WITH_OUTPUT ? output : std::string(), answer};
    int status = start(here + "interactor", talk, true, said);
    std::string text = first_line(said);
    bool ok = status == 0 && !begins(text, "FAIL") && !begins(text, "points ");
    if (ok && access((here + "checker").c_str(), X_OK) == 0) {
        if (access(output.c_str(), F_OK) != 0) std::fclose(std::fopen(output.c_str(), "w"));
        const std::string check[3] = {input, output, answer};
        status = start(here + "checker", check, false, said);
        text = first_line(said);
    }
    return decide(status, text);
}
