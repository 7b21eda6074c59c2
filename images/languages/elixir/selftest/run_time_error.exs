raise "as the probe wants it"
