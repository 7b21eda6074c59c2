"""Plays one round. The rounds to come stand in the input; those after this one go into nextpass.in."""

import sys

ACCEPT, REJECT, NUMBERS_MAX = 42, 43, 10


def end(status, why):
    with open(sys.argv[3] + "judgemessage.txt", "a") as message:
        message.write(why + "\n")
    sys.exit(status)


secret, *later = map(int, open(sys.argv[1]).read().split())
for tries in range(1, NUMBERS_MAX + 1):
    said = sys.stdin.readline().strip()
    if not said.isdigit():
        end(REJECT, f"`{said[:20]}` is no number")
    print("lower" if secret < int(said) else "higher" if secret > int(said) else "equal", flush=True)
    if int(said) != secret:
        continue
    if later:
        with open(sys.argv[3] + "nextpass.in", "w") as next_pass:
            next_pass.write(" ".join(map(str, later)) + "\n")
    end(ACCEPT, f"found after {tries} numbers")
end(REJECT, "too many numbers")
