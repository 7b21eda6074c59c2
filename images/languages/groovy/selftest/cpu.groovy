int turns = 0
while (true) turns++
