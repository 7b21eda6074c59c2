identification division.
program-id. probe.
data division.
working-storage section.
01 place usage pointer.
linkage section.
01 room pic x(1048576).
procedure division.
    perform until 1 = 2
        allocate 1048576 characters returning place
        set address of room to place
        move all "x" to room
    end-perform
    stop run.
