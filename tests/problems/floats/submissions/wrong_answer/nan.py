# No number at all.
print("nan")
