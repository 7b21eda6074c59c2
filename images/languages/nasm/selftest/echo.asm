        global  _start
        section .text
_start: xor     eax, eax
        xor     edi, edi
        mov     rsi, block
        mov     edx, 4096
        syscall
        test    rax, rax
        jle     done
        mov     rdx, rax
        mov     eax, 1
        mov     edi, 1
        mov     rsi, block
        syscall
        jmp     _start
done:   mov     eax, 60
        xor     edi, edi
        syscall
        section .bss
block:  resb    4096
