# A byte for each plank: 42 MiB, and the interpreter beside it.
n, p, q, wanted = input().split()
wall = bytearray(input().encode())
wall *= int(n) // int(p)
for _ in range(int(q)):
    first, last, colour = input().split()
    first, last = int(first) - 1, int(last)
    wall[first:last] = colour.encode() * (last - first)
print(wall.count(wanted.encode()))
