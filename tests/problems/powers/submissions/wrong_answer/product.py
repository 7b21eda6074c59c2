a, n = map(int, input().split())
print(a * n if n else 0, "**")
