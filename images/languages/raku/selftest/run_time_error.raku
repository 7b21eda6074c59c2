die "as the probe wants it";
