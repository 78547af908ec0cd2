// The seam to the library behind P-256 (SEC 1, FIPS 186-5, RFC 6979), so that a faster one drops in: implement these
// five over it and name the file in sources.mk. Numbers are big-endian. Each function checks its input, is constant
// time in its secrets, takes no heap, and leaves nothing of a secret on the stack. They return 1, or 0 for input that
// is refused; nothing is written then.

#ifndef MICROBREW_P256_H
#define MICROBREW_P256_H

#include <stdint.h>

// Public key x || y of a scalar, which must be in 1 .. n - 1.
int mb_p256_public(uint8_t public[64], const uint8_t secret[32]);

// The x-coordinate of secret * peer; peer is x || y and must be on the curve.
int mb_p256_ecdh(uint8_t shared[32], const uint8_t secret[32], const uint8_t peer[64]);

// One y of the two that go with x (SEC 1 section 2.3.4), if x is of a point on the curve.
int mb_p256_solve(uint8_t y[32], const uint8_t x[32]);

// r || s over a SHA-256 digest, with the nonce of RFC 6979.
int mb_p256_sign(uint8_t signature[64], const uint8_t secret[32], const uint8_t digest[32]);

// Whether signature r || s holds over a digest; public is x || y. Variable time: all of it is public.
int mb_p256_verify(const uint8_t public[64], const uint8_t digest[32], const uint8_t signature[64]);

#endif
