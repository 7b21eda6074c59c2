identification division.
program-id. probe.
procedure division.
    display undeclared
    stop run.
