#ifndef CPOLL_H
#define CPOLL_H

#include <poll.h>
#include <stdint.h>

/// ppoll(2), which Swift's module of the C library leaves out. `nanoseconds` below 0: waits for ever.
int cairn_poll(struct pollfd *polled, uint64_t count, int64_t nanoseconds);

#endif
