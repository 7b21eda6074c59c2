#lang racket/base
(define (depth n) (if (zero? n) 0 (+ 1 (depth (- n 1)))))
(displayln (depth (read)))
