# A reference for each plank: 336 MiB.
n, p, q, wanted = input().split()
wall = list(input()) * (int(n) // int(p))
for _ in range(int(q)):
    first, last, colour = input().split()
    first, last = int(first) - 1, int(last)
    wall[first:last] = [colour] * (last - first)
print(wall.count(wanted))
