def look_up(key):
    return dict(line.split() for line in open("table.txt")).get(key, 0)
