; Reads two decimal numbers, each with an optional minus, and writes their sum.
        global  _start
        section .text
_start: xor     eax, eax
        xor     edi, edi
        mov     rsi, text
        mov     edx, 100
        syscall
        mov     rsi, text
        call    number
        mov     r12, rax
        call    number
        add     rax, r12
        mov     rdi, text + 99
        mov     byte [rdi], 10
        mov     r8, rax
        test    rax, rax
        jns     digits
        neg     rax
digits: xor     edx, edx
        mov     ecx, 10
        div     rcx
        add     dl, '0'
        dec     rdi
        mov     [rdi], dl
        test    rax, rax
        jnz     digits
        test    r8, r8
        jns     write
        dec     rdi
        mov     byte [rdi], '-'
write:  mov     rsi, rdi
        mov     rdx, text + 100
        sub     rdx, rdi
        mov     eax, 1
        mov     edi, 1
        syscall
        mov     eax, 60
        xor     edi, edi
        syscall
number: xor     eax, eax
        xor     r9d, r9d
skip:   movzx   ecx, byte [rsi]
        inc     rsi
        cmp     ecx, ' '
        je      skip
        cmp     ecx, '-'
        jne     digit
        inc     r9d
next:   movzx   ecx, byte [rsi]
        inc     rsi
digit:  sub     ecx, '0'
        cmp     ecx, 9
        ja      ended
        imul    rax, rax, 10
        add     rax, rcx
        jmp     next
ended:  test    r9d, r9d
        jz      back
        neg     rax
back:   ret
        section .bss
text:   resb    200
