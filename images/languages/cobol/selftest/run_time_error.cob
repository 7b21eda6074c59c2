identification division.
program-id. probe.
procedure division.
    move 3 to return-code
    stop run.
