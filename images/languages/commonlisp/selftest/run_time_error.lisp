(error "as the probe wants it")
