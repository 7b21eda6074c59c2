# Precompiles <bits/stdc++.h> to the file $1 for the flags that follow, which have to be those of compile.argv: g++ passes
# a precompiled header over, without a word, where anything differs that could matter.
#
# Equal packages have to give an equal layer. Fixed addresses see to most of it; what is left are some words that the
# compiler never set, with whatever its stack held there. They are found by doing it twice, and become zero.
set -eu
out=$1
shift
header=$(echo '#include <bits/stdc++.h>' | g++ "$@" -x c++ -M - | tr ' ' '\n' | grep '/bits/stdc++\.h$')
for try in 1 2; do
  mkdir "$try"
  (cd "$try" && setarch -R g++ "$@" -x c++-header -frandom-seed=stdc++ -o "$out" "$header")
done
cmp -l "1/$out" "2/$out" >differ || :
perl -e '
  my ($name, %words) = @ARGV;
  open my $list, "<", "differ" or die;
  while (<$list>) { /^ *([0-9]+)/ and $words{int(($1 - 1) / 4)} = 1 }
  die "the two differ in " . keys(%words) . " words\n" if keys %words > 64 or -s "1/$name" != -s "2/$name";
  open my $out, "+<", "1/$name" or die;
  for (keys %words) { seek $out, 4 * $_, 0; print $out "\0" x 4 }
  close $out or die;
' "$out"
mv "1/$out" .
rm -r 1 2 differ
