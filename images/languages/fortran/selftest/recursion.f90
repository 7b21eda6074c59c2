program deep
  integer :: n
  read *, n
  print '(i0)', depth(n)
contains
  recursive function depth(n) result(calls)
    integer, intent(in) :: n
    integer :: calls
    integer, volatile :: one
    one = 1
    calls = 0
    if (n > 0) calls = depth(n - 1) + one
  end function
end program
