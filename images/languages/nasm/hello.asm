        global  _start
        section .text
_start: mov     eax, 1
        mov     edi, 1
        mov     rsi, text
        mov     edx, size
        syscall
        mov     eax, 60
        xor     edi, edi
        syscall
        section .data
text:   db      "Hello, world!", 10
size:   equ     $ - text
