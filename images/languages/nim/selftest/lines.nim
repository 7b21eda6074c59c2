for i in 1 .. 1000000:
  stdout.writeLine(i)
