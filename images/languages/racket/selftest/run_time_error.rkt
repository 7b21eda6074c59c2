#lang racket/base
(error "as the probe wants it")
