#include "../compiler.h"
#include <elf.h>
/* Until execve the process is the judge's own, and /proc/self/exe leads to the judge's executable, past all mounts:
 * as the first line of a script, as the interpreter of an ELF file (CVE-2019-5736 began so). */
int main(int argc, char **argv) {
    (void)argc;
    if (!compiling(argv)) { puts("ran"); return 0; }
    int f = open("a.out", O_CREAT | O_WRONLY, 0755);
    const char *what = variant(), *script = !strcmp(what, "thread") ? "#!/proc/thread-self/exe\n" : "#!/proc/self/exe --help\n";
    if (strcmp(what, "elf")) return write(f, script, strlen(script)) < 0;
    static struct { Elf64_Ehdr head; Elf64_Phdr parts[2]; char interpreter[32], code[64]; } file = {.interpreter = "/proc/self/exe"};
    memcpy(file.head.e_ident, ELFMAG "\2\1\1", 7);
    file.head.e_type = ET_EXEC, file.head.e_machine = EM_X86_64, file.head.e_version = 1;
    file.head.e_entry = 0x400000, file.head.e_phoff = sizeof file.head, file.head.e_ehsize = sizeof file.head;
    file.head.e_phentsize = sizeof *file.parts, file.head.e_phnum = 2;
    file.parts[0] = (Elf64_Phdr){PT_INTERP, PF_R, (char *)file.interpreter - (char *)&file, 0, 0, 15, 15, 1};
    file.parts[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, 0x400000, 0x400000, sizeof file, sizeof file, 4096};
    return write(f, &file, sizeof file) != sizeof file;
}
