# The last pair, larger number first: another right answer.
n, s = map(int, input().split())
weights = list(map(int, input().split()))
seen = {}
for i in range(n, 0, -1):
    w = weights[i - 1]
    if s - w in seen:
        print(seen[s - w], i)
        break
    seen.setdefault(w, i)
else:
    print("impossible")
