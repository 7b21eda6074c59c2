# Waits for a minute and only then answers.
import time

a, b = map(int, input().split())
time.sleep(60)
print(a + b)
