def look_up(key):
    for line in open("table.txt"):
        name, number = line.split()
        if name == key:
            return int(number)
    return None
