static char array[1 << 30];
/* As its own control it stops at 96 MiB. */
int main(int argc, char **argv) {
    long end = argc > 1 ? 96L << 20 : (long)sizeof array;
    for (volatile long i = 0; i < end; i += 4096) array[i] = 1;
    return array[0] != 1;
}
