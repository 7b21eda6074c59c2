#include "../namespace.h"
int main(int argc, char **argv) { (void)argv; return make_namespace(CLONE_NEWUTS, argc > 1); }
