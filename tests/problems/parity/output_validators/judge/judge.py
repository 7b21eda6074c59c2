"""Says the numbers of its input and listens. argv: input answer feedback_dir/."""

import sys


def end(status, why):
    with open(sys.argv[3] + "judgemessage.txt", "w") as message:
        message.write(why + "\n")
    sys.exit(status)


for number in open(sys.argv[1]).read().split():
    print(number, flush=True)
    said = sys.stdin.readline().strip()
    if said != ("even" if int(number) % 2 == 0 else "odd"):
        end(43, f"`{said[:20]}` after {number}")
print(0, flush=True)
end(43 if sys.stdin.read().strip() else 42, "nothing more may come")
