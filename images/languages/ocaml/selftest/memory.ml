let rec grow blocks = grow (Bytes.make 1000000 'x' :: blocks)

let () = grow []
