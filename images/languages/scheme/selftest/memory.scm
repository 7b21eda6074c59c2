(let loop ((blocks (list)))
  (loop (cons (make-vector 100000 1) blocks)))
