left = list(map(int, input().split()))
while left:
    least = min(left)
    left.remove(least)
    print(least)
