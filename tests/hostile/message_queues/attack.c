#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <unistd.h>
/* Queues until the kernel refuses, held for a second. */
int main(void) {
    struct mq_attr plain = {.mq_maxmsg = 10, .mq_msgsize = 1024};
    char name[32];
    int made = 0;
    for (; made < 10000; made++) {
        sprintf(name, "/q%d", made);
        if (mq_open(name, O_CREAT | O_RDWR, 0600, &plain) < 0) break;
    }
    printf("%d queues, errno %d\n", made, errno);
    sleep(1);
    return made == 10000 || made == 0;
}
