main = print (spin 0)

spin :: Int -> Int
spin n = if n < 0 then n else spin ((n + 1) `mod` 1000)
