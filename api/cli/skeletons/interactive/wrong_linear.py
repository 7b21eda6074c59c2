# Counts up and needs too many guesses.
for guess in range(1, 11):
    print(guess, flush=True)
    if input() == "correct":
        break
