identification division.
program-id. probe.
data division.
working-storage section.
01 number-now usage binary-long.
01 shown pic z(6)9.
01 first-digit usage binary-long.
procedure division.
    perform varying number-now from 1 by 1 until number-now > 1000000
        move number-now to shown
        move 1 to first-digit
        inspect shown tallying first-digit for leading spaces
        display shown(first-digit:)
    end-perform
    stop run.
