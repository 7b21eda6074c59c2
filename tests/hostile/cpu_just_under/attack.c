#include <time.h>
/* Ends when its own clock of the process shows 98 % of its limit. */
int main(void) {
    struct timespec now;
    do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); while (now.tv_sec * 1000L + now.tv_nsec / 1000000 < 490);
    return 0;
}
