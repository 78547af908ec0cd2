// The seam to the library behind X25519 (RFC 7748 section 5), with the same promises as p256.h.

#ifndef MICROBREW_X25519_H
#define MICROBREW_X25519_H

#include <stdint.h>

// Product of a scalar, which is clamped here, and a u-coordinate, whose top bit is ignored; all little-endian. 0 for
// a point of small order: the product would be the all-zero value (section 6.1).
int mb_x25519(uint8_t product[32], const uint8_t secret[32], const uint8_t u[32]);

#endif
