"""Talks with the submission: its output is our standard input, and what we print is its input."""

import sys

ACCEPT, WRONG = 42, 43
GUESSES = 10


def wrong(why):
    with open(sys.argv[3] + "judgemessage.txt", "w") as file:
        file.write(why + "\n")
    sys.exit(WRONG)


def main():
    with open(sys.argv[1]) as file:
        number = int(file.read())
    for _ in range(GUESSES):
        line = sys.stdin.readline(100)
        if not line:
            wrong("the submission stopped guessing")
        if not (line.strip().isascii() and line.strip().isdigit()):
            wrong(f"{line!r} is no guess")
        guess = int(line)
        if guess == number:
            print("correct", flush=True)
            if sys.stdin.readline(100).strip():
                wrong("the submission went on after `correct`")
            sys.exit(ACCEPT)
        try:
            print("higher" if guess < number else "lower", flush=True)
        except BrokenPipeError:
            wrong("the submission ended before the answer to its guess")
    wrong(f"{GUESSES} guesses were not enough")


main()
