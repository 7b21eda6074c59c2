# Says nothing at all.
input()
