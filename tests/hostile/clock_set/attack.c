#include <stdio.h>
#include <time.h>
int main(void) { struct timespec t = {0, 0}; clock_settime(CLOCK_REALTIME, &t); puts("survived"); return 0; }
