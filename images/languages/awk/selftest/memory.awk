BEGIN { text = "0123456789abcdef"; for (;;) text = text text }
