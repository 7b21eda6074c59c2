while (number := int(input())) != 0:
    print("ODD" if number % 2 else "EVEN", flush=True)
