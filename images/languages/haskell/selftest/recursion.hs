main = readLn >>= print . depth

depth :: Int -> Integer
depth 0 = 0
depth n = depth (n - 1) + 1
