; Writes 1 to 1000000 through a buffer that is flushed when it is nearly full.
        global  _start
        section .text
_start: mov     r12d, 1
        mov     rbx, out
line:   mov     eax, r12d
        mov     rdi, text + 31
        mov     byte [rdi], 10
digits: xor     edx, edx
        mov     ecx, 10
        div     rcx
        add     dl, '0'
        dec     rdi
        mov     [rdi], dl
        test    rax, rax
        jnz     digits
copy:   mov     al, [rdi]
        mov     [rbx], al
        inc     rdi
        inc     rbx
        cmp     rdi, text + 32
        jne     copy
        mov     rax, out + 60000
        cmp     rbx, rax
        jb      on
        call    flush
on:     inc     r12d
        cmp     r12d, 1000000
        jbe     line
        call    flush
        mov     eax, 60
        xor     edi, edi
        syscall
flush:  mov     rsi, out
        mov     rdx, rbx
        sub     rdx, rsi
        mov     eax, 1
        mov     edi, 1
        syscall
        mov     rbx, out
        ret
        section .bss
text:   resb    32
out:    resb    65536
