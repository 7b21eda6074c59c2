// Written by `tribunal problem import`. An output validator of the package format around a program in the way
// of CMS: a checker (`checker input answer output`), or with -DMANAGER a manager (`manager in out` with the
// input on stdin), which says its outcome, a number from 0 to 1, on stdout and a message on stderr.
//
// Called as `run input answer feedback_dir/ [points]`; with `points` a part of them may be given. Exits with
// 42 (right), 43 (wrong), or anything else when the program failed.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

static std::string feedback;

static std::string first_line(const std::string& path) {
    std::string text;
    if (FILE* f = std::fopen(path.c_str(), "r")) {
        char buffer[4096];
        text.assign(buffer, std::fread(buffer, 1, sizeof buffer, f));
        std::fclose(f);
    }
    return text.substr(0, text.find('\n'));
}

static void write_file(const char* name, const std::string& text) {
    if (FILE* f = std::fopen((feedback + name).c_str(), "w")) {
        std::fwrite(text.data(), 1, text.size(), f);
        std::fclose(f);
    }
}

static void redirect(const std::string& path, int flags, int to) {
    int fd = open(path.c_str(), flags, 0600);
    if (fd < 0) _exit(255);
    dup2(fd, to);
}

// Copies what is there from one descriptor to another; false at the end.
static bool pass(int from, int to) {
    char buffer[65536];
    ssize_t n = read(from, buffer, sizeof buffer);
    for (ssize_t done = 0; done < n;) {
        ssize_t w = write(to, buffer + done, n - done);
        if (w <= 0) return false;
        done += w;
    }
    return n > 0;
}

int main(int argc, char** argv) {
    if (argc < 4) return 1;
    signal(SIGPIPE, SIG_IGN);
    feedback = argv[3];
    const std::string input = argv[1], answer = argv[2], self = argv[0];
    const bool points = argc > 4 && std::strcmp(argv[4], "points") == 0;
    const std::string here = self.rfind('/') == std::string::npos ? "./" : self.substr(0, self.rfind('/') + 1);
    const std::string outcome = feedback + "outcome.txt", said = feedback + "said.txt";
#ifdef MANAGER
    int up[2], down[2];
    if (pipe(up) != 0 || pipe(down) != 0) return 1;
#else
    const std::string output = feedback + "output.txt";
    int copy = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    while (pass(0, copy)) {}
    close(copy);
#endif
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
#ifdef MANAGER
        close(up[1]);
        close(down[0]);
        redirect(input, O_RDONLY, 0);
        redirect(outcome, O_WRONLY | O_CREAT | O_TRUNC, 1);
        redirect(said, O_WRONLY | O_CREAT | O_TRUNC, 2);
        const std::string in = "/proc/self/fd/" + std::to_string(up[0]);
        const std::string out = "/proc/self/fd/" + std::to_string(down[1]);
        execl((here + "manager").c_str(), "manager", in.c_str(), out.c_str(), nullptr);
#else
        redirect("/dev/null", O_RDONLY, 0);
        redirect(outcome, O_WRONLY | O_CREAT | O_TRUNC, 1);
        redirect(said, O_WRONLY | O_CREAT | O_TRUNC, 2);
        execl((here + "checker").c_str(), "checker", input.c_str(), answer.c_str(), output.c_str(), nullptr);
#endif
        _exit(255);
    }
#ifdef MANAGER
    close(up[0]);
    close(down[1]);
    // From the submission to the manager and back, until the manager has ended.
    struct pollfd fds[2] = {{0, POLLIN, 0}, {down[0], POLLIN, 0}};
    while (fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return 1;
        }
        if (fds[0].fd >= 0 && fds[0].revents && !pass(0, up[1])) {
            close(up[1]);
            fds[0].fd = -1;
        }
        if (fds[1].revents && !pass(down[0], 1)) {
            // The manager has ended; or the submission has, and the manager will see that.
            int none = open("/dev/null", O_WRONLY);
            dup2(none, 1);
            close(none);
            char buffer[4096];
            while (read(down[0], buffer, sizeof buffer) > 0) {}
            fds[1].fd = -1;
        }
    }
    if (fds[0].fd >= 0) close(up[1]);
#endif
    int status = 0;
    if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        write_file("judgemessage.txt", first_line(said));
        return 3;
    }
    const std::string number = first_line(outcome);
    write_file("judgemessage.txt", first_line(said));
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (end == number.c_str() || !(value >= 0 && value <= 1)) return 3;
    if (value == 1) return 42;
    if (value == 0 || !points) return 43;
    char text[32];
    std::snprintf(text, sizeof text, "%.9f", value);
    write_file("score_multiplier.txt", text);
    return 42;
}
