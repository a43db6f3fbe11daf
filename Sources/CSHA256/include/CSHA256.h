#ifndef CSHA256_H
#define CSHA256_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// SHA-256(a ‖ b) (FIPS 180-4) by OpenSSL, with its state on the stack: no allocation. `digest` is 32 bytes.
void cairn_sha256(uint8_t *digest, const void *a, size_t a_count, const void *b, size_t b_count);

/// SHA-256(0x00 ‖ salt ‖ line), the salt of 16 bytes.
void cairn_sha256_leaf(uint8_t *digest, const void *salt, const void *line, size_t line_count);

/// SHA-256(0x01 ‖ left ‖ right), each of 32 bytes.
void cairn_sha256_node(uint8_t *digest, const void *left, const void *right);

#ifdef __cplusplus
}
#endif
#endif
