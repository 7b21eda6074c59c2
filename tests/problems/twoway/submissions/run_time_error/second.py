task, word = input(), input()
if task == "decode":
    raise ValueError("never again")
print("ab")
