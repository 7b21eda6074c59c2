program fails
  error stop 1
end program
