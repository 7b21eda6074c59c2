sub depth($n) { $n == 0 ?? 0 !! depth($n - 1) + 1 }
say depth(get.Int);
