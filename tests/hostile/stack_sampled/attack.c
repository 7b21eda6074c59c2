/* As its own control it stops at 96 MiB. */
static long deeper(volatile char *above, long left) {
    volatile char here[4096];
    here[0] = above[0];
    return left == 0 ? here[0] : deeper(here, left - 1) + here[0];
}
int main(int argc, char **argv) {
    volatile char first = 0;
    return deeper(&first, argc > 1 ? 96 * 250 : 100000000L) != 0;
}
