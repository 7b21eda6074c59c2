identification division.
program-id. probe.
data division.
working-storage section.
01 line-read pic x(64).
01 left-part pic x(32).
01 right-part pic x(32).
01 total pic s9(18).
01 shown pic -(18)9.
procedure division.
    accept line-read
    unstring line-read delimited by all spaces into left-part right-part
    compute total = function numval(left-part) + function numval(right-part)
    move total to shown
    display function trim(shown)
    stop run.
