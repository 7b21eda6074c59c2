STDOUT.binmode.write(STDIN.binmode.read)
