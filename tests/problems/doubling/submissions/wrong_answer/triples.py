# The interactor does not mind; the checker does.
while n := int(input()):
    print(3 * n if n > 4 else 2 * n, flush=True)
