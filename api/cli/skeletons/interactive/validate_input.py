"""Accepts one integer between 1 and 1000 on a line of its own."""

import re
import sys

text = sys.stdin.buffer.read()
if not re.fullmatch(rb"[1-9][0-9]*\n", text) or int(text) > 1000:
    print("one integer between 1 and 1000 on one line is needed")
    sys.exit(43)
sys.exit(42)
