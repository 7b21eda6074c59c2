import std/strutils

var blocks: seq[string]
while true:
  blocks.add(repeat('x', 1000000))
