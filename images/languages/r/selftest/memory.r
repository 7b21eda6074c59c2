blocks <- list()
repeat blocks[[length(blocks) + 1]] <- rep(length(blocks), 131072)
