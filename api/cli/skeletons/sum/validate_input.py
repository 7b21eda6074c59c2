"""Accepts the inputs that the statement promises, to the byte, and no others."""

import re
import sys

ACCEPT, REJECT = 42, 43
INTEGER = re.compile(rb"0|-?[1-9][0-9]*")


def reject(why):
    print(why)
    sys.exit(REJECT)


def integers(line, count, least, most):
    """`count` integers with one space between them and a line feed after the last."""
    if not line.endswith(b"\n"):
        reject("a line feed is missing")
    words = line[:-1].split(b" ")
    if len(words) != count:
        reject(f"{len(words)} words in a line of {count}")
    for word in words:
        if not INTEGER.fullmatch(word):
            reject(f"{word!r} is no integer as the statement has them")
        if not least <= int(word) <= most:
            reject(f"{int(word)} is not between {least} and {most}")
    return [int(word) for word in words]


(n,) = integers(sys.stdin.buffer.readline(), 1, 1, 1000)
integers(sys.stdin.buffer.readline(), n, -(10**9), 10**9)
if sys.stdin.buffer.read():
    reject("there is more after the last line")
sys.exit(ACCEPT)
