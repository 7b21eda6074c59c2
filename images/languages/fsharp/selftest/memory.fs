let blocks = System.Collections.Generic.List<byte[]>()
while true do
    blocks.Add(Array.create (1 <<< 20) 1uy)
