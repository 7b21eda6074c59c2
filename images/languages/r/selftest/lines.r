cat(sprintf("%d\n", 1:1000000), sep = "")
