# All it said was right, and then it ends badly.
while n := int(input()):
    print(2 * n, flush=True)
raise SystemExit(1)
