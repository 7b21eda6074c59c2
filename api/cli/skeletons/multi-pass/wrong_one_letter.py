# Sends the last digit in base 26 only.
what, value = input(), input()
if what == "send":
    print(chr(ord("a") + int(value) % 26))
else:
    print(ord(value) - ord("a"))
