print(abs(int(input())) ** 3 + 1)
