// For comparison only: p256.h over BearSSL's "m15" implementation, for processors whose wide multiplication is slow or
// not constant time. It skips the check of the scalar's range.

#include "ec/ec_p256_m15.c"

const br_ec_curve_def br_secp256r1 = {BR_EC_secp256r1, P256_N, sizeof P256_N, P256_G, sizeof P256_G};
#define br_secp384r1 br_secp256r1
#define br_secp521r1 br_secp256r1

#include "ec/ecdsa_i15_bits.c"
#include "ec/ecdsa_i15_sign_raw.c"
#include "ec/ecdsa_i15_vrfy_raw.c"
#include "int/i15_add.c"
#include "int/i15_bitlen.c"
#include "int/i15_decmod.c"
#include "int/i15_decode.c"
#include "int/i15_encode.c"
#include "int/i15_fmont.c"
#include "int/i15_iszero.c"
#include "int/i15_modpow.c"
#include "int/i15_montmul.c"
#include "int/i15_muladd.c"
#include "int/i15_ninv15.c"
#include "int/i15_rshift.c"
#include "int/i15_sub.c"
#include "int/i15_tmont.c"
#include "rand/hmac_drbg.c"

#include "p256.h"

int mb_p256_public(uint8_t public[64], const uint8_t secret[32]) {
    uint8_t point[65];
    br_ec_p256_m15.mulgen(point, secret, 32, BR_EC_secp256r1);
    memcpy(public, point + 1, 64);
    return 1;
}

int mb_p256_ecdh(uint8_t shared[32], const uint8_t secret[32], const uint8_t peer[64]) {
    uint8_t point[65] = {4};
    memcpy(point + 1, peer, 64);
    if (!br_ec_p256_m15.mul(point, 65, secret, 32, BR_EC_secp256r1)) {
        return 0;
    }
    memcpy(shared, point + 1, 32);
    return 1;
}

int mb_p256_solve(uint8_t y[32], const uint8_t x[32]) {
    (void)y, (void)x;
    return 0;
}

int mb_p256_sign(uint8_t signature[64], const uint8_t secret[32], const uint8_t digest[32]) {
    br_ec_private_key key = {BR_EC_secp256r1, (unsigned char *)secret, 32};
    return br_ecdsa_i15_sign_raw(&br_ec_p256_m15, &br_sha256_vtable, digest, &key, signature) != 0;
}

int mb_p256_verify(const uint8_t public[64], const uint8_t digest[32], const uint8_t signature[64]) {
    uint8_t point[65] = {4};
    br_ec_public_key key = {BR_EC_secp256r1, point, 65};
    memcpy(point + 1, public, 64);
    return br_ecdsa_i15_vrfy_raw(&br_ec_p256_m15, digest, 32, &key, signature, 64);
}
