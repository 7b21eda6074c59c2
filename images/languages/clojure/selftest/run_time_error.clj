(throw (IllegalStateException. "as the probe wants it"))
