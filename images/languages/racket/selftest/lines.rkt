#lang racket/base
(for ([i (in-range 1 1000001)])
  (write i)
  (newline))
