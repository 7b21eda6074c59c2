raise RuntimeError("as the self-test wants it")
