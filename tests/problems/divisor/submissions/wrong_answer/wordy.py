# Right, and then too much.
n = int(input())
d = 2
while n % d:
    d += 1
print(d)
print("is a divisor")
