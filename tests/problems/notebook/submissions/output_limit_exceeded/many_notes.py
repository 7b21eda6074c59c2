# Each note is within the limit of 1 MiB, and so is what is printed; together they are not.
line = input()
for page in range(4):
    with open(f"/tmp/page{page}" if page % 2 else f"page{page}", "x") as notes:
        notes.write(line.ljust(300_000))
print(line[::-1])
