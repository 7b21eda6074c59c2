identification division.
program-id. probe.
data division.
working-storage section.
01 letter usage binary-long.
procedure division.
    call "getchar" returning letter
    perform until letter = -1
        call "putchar" using by value letter
        call "getchar" returning letter
    end-perform
    call "fflush" using by value 0
    stop run.
