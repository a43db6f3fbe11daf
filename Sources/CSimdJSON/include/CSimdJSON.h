#ifndef CSIMDJSON_H
#define CSIMDJSON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// One simdjson DOM parser with its buffers. Not thread-safe; one per thread.
typedef struct CairnJSONParser CairnJSONParser;

/// What a parse came to. Only the distinctions that a caller acts on.
enum CairnJSONStatus {
    CAIRN_JSON_OK = 0,
    CAIRN_JSON_INVALID = 1,
    CAIRN_JSON_UTF8 = 2,
    CAIRN_JSON_DEPTH = 3,
    /// A number outside the range of int64, uint64 and double: JSON all the same.
    CAIRN_JSON_NUMBER = 4,
    CAIRN_JSON_CAPACITY = 5,
    CAIRN_JSON_MEMORY = 6,
};

/// Bytes that must be readable (of any value) behind the text to parse.
extern const size_t cairn_json_padding;

/// Returns NULL when memory is short.
CairnJSONParser *cairn_json_parser_create(size_t max_bytes, size_t max_depth);
void cairn_json_parser_destroy(CairnJSONParser *parser);

/// Parses `length` bytes of `text`; `cairn_json_padding` bytes behind them are readable.
/// On CAIRN_JSON_OK the tape and strings stay valid until the next call.
int cairn_json_parse(CairnJSONParser *parser, const uint8_t *text, size_t length);

/// The simdjson tape (its doc/tape.md): 64-bit words, the type in the top 8 bits.
const uint64_t *cairn_json_tape(const CairnJSONParser *parser);
/// The string buffer that the tape points into: 32-bit length, bytes, NUL.
const uint8_t *cairn_json_strings(const CairnJSONParser *parser);

#ifdef __cplusplus
}
#endif
#endif
