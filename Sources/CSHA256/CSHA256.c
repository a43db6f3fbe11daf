// OpenSSL 3 advises its EVP interface instead, which looks up the algorithm and allocates for each hash: for lines of a
// few hundred bytes that takes longer than to hash them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CSHA256.h"

#include <endian.h>
#include <openssl/sha.h>
#include <string.h>

void cairn_sha256(uint8_t *digest, const void *a, size_t a_count, const void *b, size_t b_count) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, a, a_count);
    SHA256_Update(&context, b, b_count);
    SHA256_Final(digest, &context);
}

// Whole blocks go through the library as they are; what is put together of pieces, and the padding, is made here: inside
// the library that takes as long as to hash two blocks.

enum { block_size = 64, length_size = 8 };

static void write_state(uint8_t *digest, const SHA256_CTX *context) {
    for (int word = 0; word < 8; word++) {
        uint32_t value = htobe32(context->h[word]);
        memcpy(digest + 4 * word, &value, sizeof value);
    }
}

/// Pads the last `count` < 64 bytes of a message of `size` bytes, the others of which went through `context`. `blocks` has
/// room for two blocks and begins with these bytes.
static void finish(uint8_t *digest, SHA256_CTX *context, uint8_t *blocks, size_t count, uint64_t size) {
    size_t padded = count < block_size - length_size ? block_size : 2 * block_size;
    blocks[count] = 0x80;
    memset(blocks + count + 1, 0, padded - length_size - count - 1);
    uint64_t bits = htobe64(size * 8);
    memcpy(blocks + padded - length_size, &bits, length_size);
    SHA256_Update(context, blocks, padded);
    write_state(digest, context);
}

void cairn_sha256_leaf(uint8_t *digest, const void *salt, const void *line, size_t line_count) {
    enum { salt_size = 16, head = 1 + salt_size, first = block_size - head };
    SHA256_CTX context;
    SHA256_Init(&context);
    uint8_t blocks[2 * block_size];
    blocks[0] = 0x00;
    memcpy(blocks + 1, salt, salt_size);
    if (line_count < first) {
        if (line_count > 0) memcpy(blocks + head, line, line_count);
        finish(digest, &context, blocks, head + line_count, head + line_count);
        return;
    }
    memcpy(blocks + head, line, first);
    SHA256_Update(&context, blocks, block_size);
    const uint8_t *rest = (const uint8_t *)line + first;
    size_t count = (line_count - first) % block_size, whole = line_count - first - count;
    if (whole > 0) SHA256_Update(&context, rest, whole);
    memcpy(blocks, rest + whole, count);
    finish(digest, &context, blocks, count, head + line_count);
}

void cairn_sha256_node(uint8_t *digest, const void *left, const void *right) {
    enum { hash_size = 32, size = 1 + 2 * hash_size };
    SHA256_CTX context;
    SHA256_Init(&context);
    // One byte more than a block: both are hashed at once.
    uint8_t blocks[2 * block_size] = {0x01};
    memcpy(blocks + 1, left, hash_size);
    memcpy(blocks + 1 + hash_size, right, hash_size);
    blocks[size] = 0x80;
    uint64_t bits = htobe64(size * 8);
    memcpy(blocks + 2 * block_size - length_size, &bits, length_size);
    SHA256_Update(&context, blocks, 2 * block_size);
    write_state(digest, &context);
}
