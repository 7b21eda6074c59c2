def power(a, n):
    return 1 if n == 0 else a * power(a, n - 1)


print(power(*map(int, input().split())))
