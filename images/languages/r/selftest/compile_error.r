cat("unfinished"
