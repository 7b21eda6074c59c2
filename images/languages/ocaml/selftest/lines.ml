let () = for i = 1 to 1000000 do Printf.printf "%d\n" i done
