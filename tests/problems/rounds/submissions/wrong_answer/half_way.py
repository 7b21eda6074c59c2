# Never looks above 50, and says so ten times.
low, high = 1, 50
for _ in range(10):
    middle = (low + high) // 2
    print(middle, flush=True)
    said = input()
    if said == "equal":
        break
    if said == "higher":
        low = min(middle + 1, high)
    else:
        high = max(middle - 1, low)
