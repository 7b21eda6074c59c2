"""Checks one pass. argv: input answer feedback_dir/. What it knows from the pass before it keeps in its feedback
directory, and its own code is beside it, not in the working directory: that one is a copy of the submission's."""

import os
import sys

from common import ACCEPT, letters, read, reject

input_file, answer_file, feedback = sys.argv[1:4]
state = feedback + "passes"
number = open(state).read().count("x") + 1 if os.path.exists(state) else 1
with open(state, "a") as kept:
    kept.write("x")
with open(feedback + "judgemessage.txt", "a") as message:
    sources = sorted(name for name in os.listdir(".") if name.endswith((".py", ".cpp")))
    message.write(f"pass {number} of {' '.join(sources)}\n")
task = read(input_file).split()
said = sys.stdin.read().split()
if len(said) != 1:
    reject(f"{len(said)} words instead of one")
if task[0] == "encode":
    if number != 1 or os.path.exists(feedback + "nextpass.in"):
        sys.exit(1)
    letters(said[0])
    with open(feedback + "nextpass.in", "w") as next_pass:
        next_pass.write(f"decode\n{said[0]}\n")
elif number != 2 or said[0] != read(answer_file).split()[0]:
    reject("the number came back as another")
sys.exit(ACCEPT)
