import qualified Data.ByteString as B

main = grow []

grow :: [B.ByteString] -> IO ()
grow blocks = do
  block <- return $! B.replicate 1048576 (fromIntegral (length blocks))
  grow (block : blocks)
