identification division.
program-id. probe.
data division.
working-storage section.
01 turns usage binary-long.
procedure division.
    perform until 1 = 2
        add 1 to turns
    end-perform
    stop run.
