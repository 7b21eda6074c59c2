// Not compiled: the command reads the compiler itself, more bytes than the memory limit.
