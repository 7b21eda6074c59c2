(format t "unbalanced"
