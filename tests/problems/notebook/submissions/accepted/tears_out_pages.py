# More than the limit of 1 MiB is written over all, and never left.
import os

line = input()
for page in range(4):
    with open("page", "x") as notes:
        notes.write(line.ljust(300_000))
    os.remove("page")
print(line[::-1])
