/* libisal's structures hold arrays larger than Swift imports; these inline functions keep them opaque. */
#ifndef CAIRN_CISAL_SHIM_H
#define CAIRN_CISAL_SHIM_H

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Room for a deflate state and the buffer that level 1 wants; freed with free(). NULL when memory is short. */
static inline void *cairn_isal_deflate_create(void) {
    /* Zeroed: isal_deflate_stateless_init() leaves hist_bits as it is, and garbage there narrows the window. */
    struct isal_zstream *stream = (struct isal_zstream *)calloc(1, sizeof(*stream) + ISAL_DEF_LVL1_DEFAULT);
    return stream;
}

/* One whole raw deflate stream (RFC 1951) at level 1. Returns the bytes written, or a negative libisal error. */
static inline int64_t cairn_isal_deflate(void *state, const uint8_t *input, uint32_t input_size, uint8_t *output,
                                         uint32_t output_capacity) {
    struct isal_zstream *stream = (struct isal_zstream *)state;
    isal_deflate_stateless_init(stream);
    stream->level = 1;
    stream->level_buf = (uint8_t *)(stream + 1);
    stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    stream->gzip_flag = IGZIP_DEFLATE;
    stream->flush = NO_FLUSH;
    stream->end_of_stream = 1;
    stream->next_in = (uint8_t *)input;
    stream->avail_in = input_size;
    stream->next_out = output;
    stream->avail_out = output_capacity;
    int status = isal_deflate_stateless(stream);
    if (status != COMP_OK) {
        return status;
    }
    return (int64_t)stream->total_out;
}

static inline void *cairn_isal_inflate_create(void) { return malloc(sizeof(struct inflate_state)); }

/* Inflates one whole raw deflate stream. Returns 0 when it ended exactly at the end of the input and filled the
   output exactly, 1 when the sizes disagree, or a negative libisal error. */
static inline int cairn_isal_inflate(void *state, const uint8_t *input, uint32_t input_size, uint8_t *output,
                                     uint32_t output_size) {
    struct inflate_state *stream = (struct inflate_state *)state;
    isal_inflate_init(stream);
    stream->crc_flag = ISAL_DEFLATE;
    stream->next_in = (uint8_t *)input;
    stream->avail_in = input_size;
    stream->next_out = output;
    stream->avail_out = output_size;
    int status = isal_inflate_stateless(stream);
    if (status < 0) {
        return status;
    }
    if (status != ISAL_DECOMP_OK || stream->block_state != ISAL_BLOCK_FINISH || stream->avail_out != 0) {
        return 1;
    }
    /* Whole bytes that were read ahead into the bit buffer belong to the input again. */
    return stream->avail_in == 0 && stream->read_in_length < 8 ? 0 : 1;
}

#endif
