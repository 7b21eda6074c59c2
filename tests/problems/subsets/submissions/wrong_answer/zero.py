# Forgets that the set must not be empty, which the first group is about; the others need it.
input()
print(sum(max(int(x), 0) for x in input().split()))
