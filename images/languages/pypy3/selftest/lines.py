for i in range(1, 1_000_001):
    print(i)
