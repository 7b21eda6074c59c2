no warnings "recursion";
sub depth { my $n = shift; return $n == 0 ? 0 : depth($n - 1) + 1 }
print depth(<STDIN> + 0), "\n";
