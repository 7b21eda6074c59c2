identification division.
program-id. probe.
data division.
working-storage section.
01 wanted pic 9(9).
01 asked usage binary-long.
01 came-back usage binary-long value 0.
01 shown pic z(8)9.
procedure division.
    accept wanted
    move wanted to asked
    call "depth" using by value asked by reference came-back
    move came-back to shown
    display function trim(shown)
    stop run.
end program probe.

identification division.
program-id. depth recursive.
data division.
local-storage section.
01 rest usage binary-long.
linkage section.
01 asked usage binary-long.
01 came-back usage binary-long.
procedure division using by value asked by reference came-back.
    if asked > 0
        subtract 1 from asked giving rest
        call "depth" using by value rest by reference came-back
        add 1 to came-back
    end-if
    goback.
end program depth.
