(defun depth (n) (if (= n 0) 0 (+ (depth (- n 1)) 1)))
(format t "~d~%" (depth (read)))
