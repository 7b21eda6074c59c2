input <- pipe("cat", "rb")
repeat {
  bytes <- readBin(input, "raw", 65536)
  if (length(bytes) == 0) break
  output <- pipe("cat", "wb")
  writeBin(bytes, output)
  close(output)
}
