(define (depth n) (if (= n 0) 0 (+ (depth (- n 1)) 1)))
(display (depth (read)))
(newline)
