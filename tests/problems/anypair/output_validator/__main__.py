"""Accepts any pair of different stones with the right weight, and `impossible` where the judges found none."""

import os
import sys

ACCEPT, WRONG = 42, 43


def main():
    input_path, answer_path, feedback = sys.argv[1:4]
    with open(input_path) as file:
        numbers = [int(word) for word in file.read().split()]
    count, wanted, weights = numbers[0], numbers[1], numbers[2:]
    with open(answer_path) as file:
        possible = file.read().split() != ["impossible"]

    def reject(for_judges, for_team):
        for name, text in (("judgemessage.txt", for_judges), ("teammessage.txt", for_team)):
            with open(os.path.join(feedback, name), "w") as file:
                file.write(text + "\n")
        sys.exit(WRONG)

    words = sys.stdin.buffer.read(1000).decode("ascii", "replace").split()
    if words == ["impossible"]:
        if possible:
            reject("claims `impossible`, but the judges have a pair", "there is a pair")
        sys.exit(ACCEPT)
    plain = all(len(word) <= 9 and word.isascii() and word.isdigit() for word in words)
    if len(words) != 2 or not plain:
        reject(f"expected two numbers, got {words[:5]!r}", "two numbers or `impossible` are needed")
    first, second = (int(word) for word in words)
    if not (1 <= first <= count and 1 <= second <= count):
        reject(f"{first} {second}: there are only {count} stones", "there is no such stone")
    if first == second:
        reject(f"stone {first} is used twice", "the stones must be different")
    total = weights[first - 1] + weights[second - 1]
    if total != wanted:
        reject(f"stones {first} and {second} weigh {total}, not {wanted}", "the pair has the wrong weight")
    if not possible:
        print(f"found {first} {second} where the judges found nothing", file=sys.stderr)
        sys.exit(1)
    sys.exit(ACCEPT)


main()
