# Pads every total with a hundred zeros.
import sys

total = 0
for entry in sys.stdin.buffer.read().split()[1:]:
    total = (total + int(entry)) % 9999991
    print(total if total < 9 else f"{total:0100}")
