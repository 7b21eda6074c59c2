what, value = input(), input()
if what == "send":
    number, word = int(value), ""
    while True:
        word += chr(ord("a") + number % 26)
        number //= 26
        if number == 0:
            break
    print(word)
else:
    number = 0
    for letter in reversed(value):
        number = 26 * number + ord(letter) - ord("a")
    print(number)
