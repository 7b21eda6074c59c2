$*OUT.write($*IN.slurp(:bin, :close));
