; Reads n, calls itself n times and writes how often it came back.
        global  _start
        section .text
_start: xor     eax, eax
        xor     edi, edi
        mov     rsi, text
        mov     edx, 100
        syscall
        mov     rsi, text
        xor     edi, edi
next:   movzx   ecx, byte [rsi]
        inc     rsi
        sub     ecx, '0'
        cmp     ecx, 9
        ja      known
        imul    rdi, rdi, 10
        add     rdi, rcx
        jmp     next
known:  xor     eax, eax
        call    depth
        mov     rdi, text + 99
        mov     byte [rdi], 10
digits: xor     edx, edx
        mov     ecx, 10
        div     rcx
        add     dl, '0'
        dec     rdi
        mov     [rdi], dl
        test    rax, rax
        jnz     digits
        mov     rsi, rdi
        mov     rdx, text + 100
        sub     rdx, rdi
        mov     eax, 1
        mov     edi, 1
        syscall
        mov     eax, 60
        xor     edi, edi
        syscall
depth:  test    rdi, rdi
        jz      back
        dec     rdi
        call    depth
        inc     rax
back:   ret
        section .bss
text:   resb    200
