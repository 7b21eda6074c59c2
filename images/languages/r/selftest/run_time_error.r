stop("as the probe wants it")
