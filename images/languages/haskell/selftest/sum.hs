main = getLine >>= print . sum . map (read :: String -> Integer) . words
