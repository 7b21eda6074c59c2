"""Accepts the input of a first run: `send`, and an integer between 0 and 10^9, on a line each."""

import re
import sys

found = re.fullmatch(rb"send\n(0|[1-9][0-9]*)\n", sys.stdin.buffer.read())
if not found or int(found[1]) > 10**9:
    print("`send` and an integer between 0 and 10^9, on a line each, are needed")
    sys.exit(43)
sys.exit(42)
