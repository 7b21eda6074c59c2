let n: int = "text"
