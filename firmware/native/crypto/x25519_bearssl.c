// X25519 over BearSSL's "m31" implementation; see p256_bearssl.c. A unit of its own: both name their field alike.
// Versions after 0.6 take the scalar big-endian; the vectors of RFC 7748 would tell.

#include "ec/ec_c25519_m31.c"

#ifndef MB_STACK
#define MB_STACK (1536)
#endif
#include "wipe.h"
#include "x25519.h"

enum { LENGTH = 32 };

static MB_BELOW int multiply(uint8_t product[32], const uint8_t secret[32], const uint8_t u[32]) {
    uint8_t point[LENGTH];
    uint8_t any = 0;
    memcpy(point, u, LENGTH);
    br_ec_c25519_m31.mul(point, LENGTH, secret, LENGTH, BR_EC_curve25519);
    for (int i = 0; i < LENGTH; i++) {
        any |= point[i];
    }
    if (!any) {
        return 0;
    }
    memcpy(product, point, LENGTH);
    return 1;
}

int mb_x25519(uint8_t product[32], const uint8_t secret[32], const uint8_t u[32]) {
    int valid = multiply(product, secret, u);
    mb_wipe_stack();
    return valid;
}
