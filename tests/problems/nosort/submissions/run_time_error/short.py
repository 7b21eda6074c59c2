print([int(x) for x in input().split()][9])
