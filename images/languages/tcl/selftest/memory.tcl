set text x
while 1 { lappend blocks [string repeat x[incr n] 1000000] }
