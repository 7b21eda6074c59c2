def power(a, n):
    result = 1
    for _ in range(n):
        result *= a
    return result


print(power(*map(int, input().split())))
