# Never stops computing.
n = 0
while True:
    n += 1
