import math

n = int(input())
corners = [tuple(map(float, input().split())) for _ in range(n)]
print(sum(math.dist(corners[i - 1], corners[i]) for i in range(n)))
