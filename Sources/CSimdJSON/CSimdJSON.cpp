#include "CSimdJSON.h"

#include <new>
#include <simdjson.h>

using simdjson::error_code;

struct CairnJSONParser {
    simdjson::dom::parser parser;
    explicit CairnJSONParser(size_t max_bytes) : parser(max_bytes) {}
};

const size_t cairn_json_padding = simdjson::SIMDJSON_PADDING;

CairnJSONParser *cairn_json_parser_create(size_t max_bytes, size_t max_depth) {
    auto *self = new (std::nothrow) CairnJSONParser(max_bytes);
    if (self == nullptr) {
        return nullptr;
    }
    // Buffers are made once, here, so that parsing never allocates.
    if (self->parser.allocate(max_bytes, max_depth) != simdjson::SUCCESS) {
        delete self;
        return nullptr;
    }
    return self;
}

void cairn_json_parser_destroy(CairnJSONParser *self) { delete self; }

int cairn_json_parse(CairnJSONParser *self, const uint8_t *text, size_t length) {
    switch (self->parser.parse(text, length, false).error()) {
    case simdjson::SUCCESS:
        return CAIRN_JSON_OK;
    case simdjson::UTF8_ERROR:
        return CAIRN_JSON_UTF8;
    case simdjson::DEPTH_ERROR:
        return CAIRN_JSON_DEPTH;
    case simdjson::NUMBER_ERROR:
        return CAIRN_JSON_NUMBER;
    case simdjson::CAPACITY:
        return CAIRN_JSON_CAPACITY;
    case simdjson::MEMALLOC:
        return CAIRN_JSON_MEMORY;
    default:
        return CAIRN_JSON_INVALID;
    }
}

const uint64_t *cairn_json_tape(const CairnJSONParser *self) { return self->parser.doc.tape.get(); }

const uint8_t *cairn_json_strings(const CairnJSONParser *self) { return self->parser.doc.string_buf.get(); }
