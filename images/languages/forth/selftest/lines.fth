: count 1000001 1 do i 0 .r cr loop ;
count
