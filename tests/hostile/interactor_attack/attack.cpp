// What a submission can do to the one it talks with; the file `variant` says what.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <unistd.h>

static char block[65536];

int main() {
    std::string variant;
    std::ifstream("variant") >> variant;
    if (variant == "closes") {
        close(0);
        close(1);
        pause();
    }
    if (variant == "floods") {
        for (;;) {
            std::fputs("y", stdout);
        }
    }
    if (variant == "never_reads") {
        // The interactor answers each line with many, so in the end both write and nobody reads.
        signal(SIGPIPE, SIG_IGN);
        for (;;) {
            if (write(1, "more\n", 5) < 0) pause();
        }
    }
    if (variant == "waits_for_end") {
        while (read(0, block, sizeof block) > 0) {
        }
    }
    if (variant == "dies") _exit(3);
    if (variant == "leaves") _exit(0);
    if (variant == "ignores_no") {
        signal(SIGPIPE, SIG_IGN);
        write(1, "no\n", 3);
        for (;;) write(1, "no\n", 3);
    }
}
