# Never stops computing when the numbers are equal.
a, b = map(int, input().split())
n = 0
while a == b:
    n += 1
print(a + b)
