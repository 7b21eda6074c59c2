program echo
  use iso_c_binding
  implicit none
  interface
    function getchar() bind(c)
      import :: c_int
      integer(c_int) :: getchar
    end function
    function putchar(byte) bind(c)
      import :: c_int
      integer(c_int), value :: byte
      integer(c_int) :: putchar
    end function
    function fflush(file) bind(c)
      import :: c_int, c_ptr
      type(c_ptr), value :: file
      integer(c_int) :: fflush
    end function
  end interface
  integer(c_int) :: byte, ignored
  do
    byte = getchar()
    if (byte < 0) exit
    ignored = putchar(byte)
  end do
  ignored = fflush(c_null_ptr)
end program
