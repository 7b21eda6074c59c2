#include <stdlib.h>
#include <string.h>
/* As its own control it stops at 96 MiB. */
int main(int argc, char **argv) { for (int i = 0; argc == 1 || i < 96; i++) { char *p = malloc(1 << 20); if (p) memset(p, 1, 1 << 20); } }
