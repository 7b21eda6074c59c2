"""Is run after each pass. `nextpass.in` in the feedback folder asks for another one with that input; the
folder is the same for all passes of a case, so what a pass has to know of the earlier ones is kept there."""

import os
import re
import sys

ACCEPT, WRONG = 42, 43
_, input_file, answer_file, feedback = sys.argv[:4]
STATE = feedback + "pass_one_done"


def wrong(why):
    with open(feedback + "judgemessage.txt", "w") as file:
        file.write(why + "\n")
    sys.exit(WRONG)


words = sys.stdin.buffer.read(1000).decode("ascii", "replace").split()
if len(words) != 1:
    wrong(f"one word is needed, {len(words)} were written")
if not os.path.exists(STATE):
    if not re.fullmatch("[a-z]{1,10}", words[0]):
        wrong(f"{words[0]!r} is no word of at most 10 letters")
    with open(STATE, "w") as file:
        file.write("1\n")
    with open(feedback + "nextpass.in", "w") as file:
        file.write(f"receive\n{words[0]}\n")
    sys.exit(ACCEPT)
with open(answer_file) as file:
    number = file.read().strip()
if words[0] != number:
    wrong(f"{words[0]!r} was received where {number} was sent")
sys.exit(ACCEPT)
