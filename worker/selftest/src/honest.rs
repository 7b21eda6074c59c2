//! The honest programs that run after and beside attacks and must not notice them.

/// Reads a line and says it again.
pub const HELLO_C: &str =
    "#include <stdio.h>\nint main(void) { char b[64]; puts(fgets(b, 64, stdin)); return 0; }\n";

/// Computes for a moment and says what came of it, and a line it read.
pub const VICTIM_C: &str = "#include <stdio.h>
int main(void) {
    char line[64];
    volatile unsigned n = 0;
    for (unsigned i = 0; i < 3000000; i++) n += 1;
    printf(\"%u %s\", n, fgets(line, sizeof line, stdin));
    return 0;
}
";

/// What [`VICTIM_C`] says when nobody disturbs it.
pub const VICTIM_SAYS: &str = "3000000 pristine input\n";
