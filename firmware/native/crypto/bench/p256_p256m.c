// For comparison only: p256.h over p256-m of mbedTLS (3rdparty/p256-m). Its nonces come from a random generator; here
// a fixed one, so nothing but the time of a signature means anything.

#include "p256-m.h"

#include <string.h>

#include "p256.h"

// What p256-m takes from mbedTLS.
int psa_generate_random(uint8_t *output, size_t output_size) {
    memset(output, 0x77, output_size);
    return 0;
}

void mbedtls_platform_zeroize(void *data, size_t len) {
    memset(data, 0, len);
    __asm__ volatile ("" : : "r" (data) : "memory");
}

int mb_p256_public(uint8_t public[64], const uint8_t secret[32]) {
    return p256_public_from_private(public, secret) == P256_SUCCESS;
}

int mb_p256_ecdh(uint8_t shared[32], const uint8_t secret[32], const uint8_t peer[64]) {
    return p256_ecdh_shared_secret(shared, secret, peer) == P256_SUCCESS;
}

int mb_p256_solve(uint8_t y[32], const uint8_t x[32]) {
    (void)y, (void)x;
    return 0;
}

int mb_p256_sign(uint8_t signature[64], const uint8_t secret[32], const uint8_t digest[32]) {
    return p256_ecdsa_sign(signature, secret, digest, 32) == P256_SUCCESS;
}

int mb_p256_verify(const uint8_t public[64], const uint8_t digest[32], const uint8_t signature[64]) {
    return p256_ecdsa_verify(signature, public, digest, 32) == P256_SUCCESS;
}
