import sys
from itertools import accumulate

entries = map(int, sys.stdin.buffer.read().split()[1:])
totals = accumulate(entries, lambda total, entry: (total + entry) % 9999991)
sys.stdout.write("\n".join(map(str, totals)) + "\n")
