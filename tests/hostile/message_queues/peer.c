#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <unistd.h>
/* Needs one small queue, again and again for a second. */
int main(void) {
    struct mq_attr plain = {.mq_maxmsg = 10, .mq_msgsize = 1024};
    for (int turn = 0; turn < 100; turn++) {
        mqd_t queue = mq_open("/mine", O_CREAT | O_RDWR, 0600, &plain);
        if (queue < 0) { printf("turn %d: errno %d\n", turn, errno); return 1; }
        mq_close(queue);
        mq_unlink("/mine");
        usleep(10000);
    }
    return 0;
}
