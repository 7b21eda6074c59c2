interp recursionlimit {} 1000000
proc depth n { if {$n == 0} { return 0 }; expr {[depth [expr {$n - 1}]] + 1} }
puts [depth [gets stdin]]
