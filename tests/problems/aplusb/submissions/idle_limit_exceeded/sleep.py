# Waits for a minute before it answers when the numbers are equal.
import time

a, b = map(int, input().split())
if a == b:
    time.sleep(60)
print(a + b)
