"""The sum of what was accepted; everything accepted is worth as much more as the first argument says."""

import sys

bonus = int(sys.argv[1])
results = [line.split() for line in sys.stdin]
score = sum(int(score) for verdict, score in results if verdict == "AC")
if score == 0:
    print(results[0][0], 0)
elif all(verdict == "AC" for verdict, _ in results):
    print("AC", score + bonus)
else:
    print("AC", score)
