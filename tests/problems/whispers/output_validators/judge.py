"""One number a pass. Its input is `number passes_left`."""

import sys

number, left = map(int, open(sys.argv[1]).read().split())
print(number, flush=True)
if sys.stdin.read().split() != [str(number + 1)]:
    sys.exit(43)
if left > 1:
    with open(sys.argv[3] + "nextpass.in", "w") as next_pass:
        next_pass.write(f"{number + 1} {left - 1}\n")
sys.exit(42)
