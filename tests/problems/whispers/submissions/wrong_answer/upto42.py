print(min(int(input()) + 1, 42))
