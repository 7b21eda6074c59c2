my int $i = 0;
while $i < 1_000_000 { $i = $i + 1; say $i }
