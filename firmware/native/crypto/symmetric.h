// The seam to the library behind SHA-256 (FIPS 180-4), HMAC (RFC 2104), HKDF (RFC 5869) and AES-CCM (RFC 3610), with
// the same promises as p256.h. Callers have checked lengths; outputs may not overlap inputs.

#ifndef MICROBREW_SYMMETRIC_H
#define MICROBREW_SYMMETRIC_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *data;
    size_t len;
} mb_bytes_t;

// Of count parts, one after another.
void mb_sha256(uint8_t digest[32], const mb_bytes_t *parts, size_t count);

void mb_hmac(uint8_t mac[32], mb_bytes_t key, mb_bytes_t data);

// len is at most 255 * 32.
void mb_hkdf_expand(uint8_t *okm, size_t len, mb_bytes_t prk, mb_bytes_t info);

// AES-CCM with a 16-byte key, a 13-byte nonce, L = 2; tag_len is 4, 8 or 16. sealed has room for the tag.
void mb_ccm_seal(uint8_t *sealed, const uint8_t *key, const uint8_t *nonce, mb_bytes_t aad, mb_bytes_t plaintext,
    size_t tag_len);

// 1, or 0 for a tag that does not verify: plaintext is wiped then. sealed is no shorter than its tag.
int mb_ccm_open(uint8_t *plaintext, const uint8_t *key, const uint8_t *nonce, mb_bytes_t aad, mb_bytes_t sealed,
    size_t tag_len);

#endif
