import std/strutils

proc depth(n: int): int =
  if n == 0: 0 else: depth(n - 1) + 1

echo depth(stdin.readLine.strip.parseInt)
