def read():
    return [tuple(map(float, input().split())) for _ in range(int(input()))]
