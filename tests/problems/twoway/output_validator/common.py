"""What both passes need."""

import sys

ACCEPT, REJECT = 42, 43


def read(name):
    with open(name) as file:
        return file.read()


def reject(why):
    sys.stderr.write(why + "\n")
    with open(sys.argv[3] + "judgemessage.txt", "a") as message:
        message.write(why + "\n")
    sys.exit(REJECT)


def letters(word):
    if not 1 <= len(word) <= 40 or set(word) - set("ab"):
        reject("not a line of 1 to 40 letters a and b")
