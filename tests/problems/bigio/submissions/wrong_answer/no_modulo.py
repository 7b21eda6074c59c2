# Keeps all digits.
import sys
from itertools import accumulate

totals = accumulate(map(int, sys.stdin.buffer.read().split()[1:]))
sys.stdout.write("\n".join(map(str, totals)) + "\n")
