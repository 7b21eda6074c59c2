        global  _start
_start: mov     eax, undeclared
