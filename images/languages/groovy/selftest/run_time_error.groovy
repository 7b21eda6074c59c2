throw new IllegalStateException("as the probe wants it")
