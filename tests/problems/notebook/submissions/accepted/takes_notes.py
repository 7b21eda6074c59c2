with open("notes.txt", "x") as notes:
    notes.write(input())
with open("notes.txt") as notes:
    print(notes.read()[::-1])
