main = mapM_ print [1 :: Int .. 1000000]
