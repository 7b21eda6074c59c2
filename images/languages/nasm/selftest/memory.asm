; Grows the heap by a page at a time and touches it.
        global  _start
        section .text
_start: xor     edi, edi
        mov     eax, 12
        syscall
        mov     rbx, rax
more:   lea     rdi, [rbx + 4096]
        mov     eax, 12
        syscall
        mov     byte [rbx], 1
        add     rbx, 4096
        jmp     more
