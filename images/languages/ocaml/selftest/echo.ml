let block = Bytes.create 65536

let rec copy () =
  let n = input stdin block 0 65536 in
  if n > 0 then (output stdout block 0 n; copy ())

let () = copy ()
