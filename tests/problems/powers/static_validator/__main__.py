"""Looks for loops and for powers of the language's own; with `function`, only for a function."""

import os
import re
import sys

ACCEPT, WRONG = 42, 43
SOURCES = {"python3": ".py", "cpp": ".cpp"}
POWERS = re.compile(r"\bpow\b|\*\*")
LOOPS = re.compile(r"\b(for|while)\b")
FUNCTIONS = re.compile(r"^(def|long long) (?!main)\w+\(", re.MULTILINE)


def main():
    language, entry, feedback, *args = sys.argv[1:]
    # What the format promises of the place this starts in.
    own = [name for name in os.listdir(".") if not name.startswith(".")]
    sources = [name for name in own if name.endswith(SOURCES[language])]
    binaries = ["a.out"] if language == "cpp" else []
    if entry not in sources or sorted(own) != sorted(sources + binaries):
        print(f"entry {entry!r} among {own}", file=sys.stderr)
        sys.exit(1)
    text = ""
    for name in sources:
        with open(name, encoding="utf-8") as file:
            text += file.read()

    def say(message):
        for name in ("judgemessage.txt", "teammessage.txt"):
            with open(os.path.join(feedback, name), "w") as file:
                file.write(message + "\n")

    if args == ["function"]:
        if not FUNCTIONS.search(text):
            say("there is no function of its own")
            sys.exit(WRONG)
        sys.exit(ACCEPT)
    if POWERS.search(text):
        say("a power of the language's own is used")
        sys.exit(WRONG)
    if LOOPS.search(text):
        say("a loop is used")
        with open(os.path.join(feedback, "score_multiplier.txt"), "w") as file:
            file.write("0.5\n")
    sys.exit(ACCEPT)


main()
