# Looks through many stones again and again, and never believes that there is no pair.
n, s = map(int, input().split())
weights = list(map(int, input().split()))


def look():
    for i in range(n):
        wanted = s - weights[i]
        for j in range(i):
            if weights[j] == wanted:
                return f"{j + 1} {i + 1}"
    return None


found = look()
while found is None and n > 100:
    found = look()
print(found or "impossible")
