#include "../namespace.h"
int main(int argc, char **argv) { (void)argv; return make_namespace(CLONE_NEWTIME, argc > 1); }
