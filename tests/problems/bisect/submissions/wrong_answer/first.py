# Answers without asking.
input()
print("!", 1, flush=True)
