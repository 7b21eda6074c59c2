from taking import take_least

left = list(map(int, input().split()))
while left:
    print(take_least(left))
