#include <unistd.h>
/* Five seconds by the clock that never jumps, of which the worker watches one. */
int main(void) {
    usleep(5000000);
    return 0;
}
