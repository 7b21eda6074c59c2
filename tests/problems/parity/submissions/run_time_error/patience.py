# Gives up at its third number.
for _ in range(2):
    print("odd" if int(input()) % 2 else "even", flush=True)
if int(input()) != 0:
    raise SystemExit("enough")
