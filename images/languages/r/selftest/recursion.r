depth <- function(n) if (n == 0) 0 else depth(n - 1) + 1
cat(depth(scan(file("stdin"), quiet = TRUE)), "\n", sep = "")
