// OpenSSL 3 advises its EVP interface instead, which looks up the algorithm and allocates for each hash: for lines of a
// few hundred bytes that takes longer than to hash them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CSHA256.h"

#include <openssl/sha.h>
#include <string.h>

void cairn_sha256(uint8_t *digest, const void *a, size_t a_count, const void *b, size_t b_count) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, a, a_count);
    SHA256_Update(&context, b, b_count);
    SHA256_Final(digest, &context);
}

// The first block is put together here: piece by piece inside the library it takes twice as long.

void cairn_sha256_leaf(uint8_t *digest, const void *salt, const void *line, size_t line_count) {
    enum { salt_size = 16, first = 64 - 1 - salt_size };
    SHA256_CTX context;
    SHA256_Init(&context);
    uint8_t block[64];
    block[0] = 0x00;
    memcpy(block + 1, salt, salt_size);
    if (line_count < first) {
        SHA256_Update(&context, block, 1 + salt_size);
        SHA256_Update(&context, line, line_count);
    } else {
        memcpy(block + 1 + salt_size, line, first);
        SHA256_Update(&context, block, sizeof block);
        SHA256_Update(&context, (const uint8_t *)line + first, line_count - first);
    }
    SHA256_Final(digest, &context);
}

void cairn_sha256_node(uint8_t *digest, const void *left, const void *right) {
    SHA256_CTX context;
    SHA256_Init(&context);
    uint8_t message[65];
    message[0] = 0x01;
    memcpy(message + 1, left, 32);
    memcpy(message + 33, right, 32);
    SHA256_Update(&context, message, sizeof message);
    SHA256_Final(digest, &context);
}
