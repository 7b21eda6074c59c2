# Asks, closes its output and lives on: its end is told only when it is dead.
import os
import time

n = int(input())
print("?", n, end="", flush=True)
os.close(1)
time.sleep(3600)
