import sys

from answer import look_up

for key in sys.argv[1:]:
    number = look_up(key)
    print({{missing}} if number is None else number)
