raise newException(ValueError, "as the probe wants it")
