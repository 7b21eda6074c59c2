# Tries the same pair again and again.
n, s = map(int, input().split())
weights = list(map(int, input().split()))
while weights[0] + weights[1] != s * 2:
    pass
