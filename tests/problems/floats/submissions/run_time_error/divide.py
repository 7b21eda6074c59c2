# Divides by a width that a thin garden hardly has.
import math

n = int(input())
corners = [tuple(map(float, input().split())) for _ in range(n)]
scale = 1 // int(corners[1][0] * 10)
print(scale * 0 + sum(math.dist(corners[i - 1], corners[i]) for i in range(n)))
