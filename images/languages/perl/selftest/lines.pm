print "$_\n" for 1 .. 1_000_000;
