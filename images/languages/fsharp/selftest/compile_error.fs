let n : int = undeclared
