import sys

answer = int(open(sys.argv[2]).read())
feedback = sys.argv[3]
try:
    guess = int(sys.stdin.read())
except ValueError:
    open(feedback + "judgemessage.txt", "w").write("not a number")
    sys.exit(43)
off = abs(guess - answer)
if off > 1:
    open(feedback + "judgemessage.txt", "w").write(f"off by {off}")
    sys.exit(43)
open(feedback + "score.txt", "w").write("4\n" if off else "10\n")
sys.exit(42)
