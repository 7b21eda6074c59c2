IO.puts("unbalanced"
