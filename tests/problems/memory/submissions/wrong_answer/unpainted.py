# Counts in the pattern and forgets the painters.
n, p, q, wanted = input().split()
print(int(n) // int(p) * input().count(wanted))
