." Hello, world!" cr
