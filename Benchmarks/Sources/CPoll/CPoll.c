#define _GNU_SOURCE
#include "CPoll.h"

#include <stddef.h>
#include <time.h>

int cairn_poll(struct pollfd *polled, uint64_t count, int64_t nanoseconds) {
    struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return ppoll(polled, count, nanoseconds < 0 ? NULL : &limit, NULL);
}
