# Right up to the exit status.
import sys

low, high = 1, int(input())
while low < high:
    middle = (low + high) // 2
    print("?", middle, flush=True)
    if input() == "higher":
        low = middle + 1
    else:
        high = middle
print("!", low, flush=True)
sys.exit(3)
