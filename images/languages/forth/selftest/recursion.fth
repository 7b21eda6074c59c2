: depth-of ( n -- n ) dup 0= if else 1- recurse 1+ then ;
pad 80 stdin read-line throw drop pad swap evaluate depth-of 0 .r cr
