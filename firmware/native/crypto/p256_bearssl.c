// P-256 over BearSSL's "m31" implementation: limbs of 30 bits, multiplications of 32x32 to 64 bits, constant time where
// those are: Cortex-M4 and up, x86-64; not Cortex-M3. One unit with the library's own files: what is not used is
// dropped, and the square root can use the field arithmetic, which the library keeps private.

// The field's loops are worth 6 kB of unrolling: less than three quarters of the work of -Os (docs/decisions/0008).
#pragma GCC push_options
#pragma GCC optimize ("O3", "no-inline-functions")

#include "inner.h"

// The library's own conditional copy goes byte by byte. Here all that is copied are limbs.
static __attribute__((noinline)) void copy_limbs(uint32_t control, uint32_t *to, const uint32_t *from, size_t size) {
    uint32_t mask = -control;
    for (size_t i = 0; i < size / sizeof *to; i++) {
        to[i] ^= mask & (to[i] ^ from[i]);
    }
}

#undef CCOPY
#define CCOPY(control, to, from, size) copy_limbs(control, (uint32_t *)(to), (const uint32_t *)(from), size)

#include "ec/ec_p256_m31.c"

#pragma GCC pop_options

// What ECDSA wants to know of the curve; the other curves that it knows are never asked for, since br_ec_p256_m31 does
// not support them.
const br_ec_curve_def br_secp256r1 = {BR_EC_secp256r1, P256_N, sizeof P256_N, P256_G, sizeof P256_G};
#define br_secp384r1 br_secp256r1
#define br_secp521r1 br_secp256r1

#include "ec/ecdsa_i31_bits.c"
#include "ec/ecdsa_i31_sign_raw.c"
#include "ec/ecdsa_i31_vrfy_raw.c"
#include "int/i31_add.c"
#include "int/i31_bitlen.c"
#include "int/i31_decmod.c"
#include "int/i31_decode.c"
#include "int/i31_encode.c"
#include "int/i31_fmont.c"
#include "int/i31_iszero.c"
#include "int/i31_modpow.c"
#include "int/i31_montmul.c"
#include "int/i31_muladd.c"
#include "int/i31_ninv31.c"
#include "int/i31_rshift.c"
#include "int/i31_sub.c"
#include "int/i31_tmont.c"
#include "int/i32_div32.c"
#include "rand/hmac_drbg.c"

#include "p256.h"
#ifndef MB_STACK
#define MB_STACK (UINTPTR_MAX > 0xFFFFFFFF ? 6144 : 3072)
#endif
#include "wipe.h"

enum { COORDINATE = 32, POINT = 65, UNCOMPRESSED = 4 };

// Whether 0 < scalar < n, in constant time.
static uint32_t in_range(const uint8_t scalar[32]) {
    uint32_t borrow = 0;
    uint32_t any = 0;
    for (int i = COORDINATE - 1; i >= 0; i--) {
        any |= scalar[i];
        borrow = ((uint32_t)scalar[i] - P256_N[i] - borrow) >> 31;
    }
    return borrow & NEQ(any, 0);
}

static MB_BELOW void multiply_base(uint8_t public[64], const uint8_t secret[32]) {
    uint8_t point[POINT];
    br_ec_p256_m31.mulgen(point, secret, COORDINATE, BR_EC_secp256r1);
    memcpy(public, point + 1, 2 * COORDINATE);
}

int mb_p256_public(uint8_t public[64], const uint8_t secret[32]) {
    if (!in_range(secret)) {
        return 0;
    }
    multiply_base(public, secret);
    mb_wipe_stack();
    return 1;
}

static MB_BELOW int multiply(uint8_t shared[32], const uint8_t secret[32], const uint8_t peer[64]) {
    uint8_t point[POINT];
    point[0] = UNCOMPRESSED;
    memcpy(point + 1, peer, 2 * COORDINATE);
    if (!br_ec_p256_m31.mul(point, POINT, secret, COORDINATE, BR_EC_secp256r1)) {
        return 0;
    }
    memcpy(shared, point + 1, COORDINATE);
    return 1;
}

int mb_p256_ecdh(uint8_t shared[32], const uint8_t secret[32], const uint8_t peer[64]) {
    int valid;
    if (!in_range(secret)) {
        return 0;
    }
    valid = multiply(shared, secret, peer);
    mb_wipe_stack();
    return valid;
}

// d = a^(2^n), not in place for n = 0.
static void square_n(uint32_t *d, const uint32_t *a, int n) {
    square_f256(d, a);
    while (--n > 0) {
        square_f256(d, d);
    }
}

int mb_p256_solve(uint8_t y[32], const uint8_t x[32]) {
    uint32_t tx[9], right[9], power[9], root[9];
    uint32_t bad;
    tx[8] = be8_to_le30(tx, x, COORDINATE);
    bad = reduce_final_f256(tx);
    // The curve's equation: y^2 = x^3 - 3x + b.
    square_f256(right, tx);
    mul_f256(right, right, tx);
    for (int i = 0; i < 3; i++) {
        sub_f256(right, right, tx);
    }
    add_f256(right, right, P256_B);
    // p = 3 mod 4, so a root is right^((p + 1) / 4), and (p + 1) / 4 = (((2^32 - 1) 2^32 + 1) 2^96 + 1) 2^94.
    memcpy(power, right, sizeof power);
    for (int n = 1; n < 32; n *= 2) {
        square_n(root, power, n);
        mul_f256(power, power, root);
    }
    square_n(root, power, 32);
    mul_f256(root, root, right);
    square_n(power, root, 96);
    mul_f256(power, power, right);
    square_n(root, power, 94);
    reduce_final_f256(root);
    square_f256(power, root);
    sub_f256(power, power, right);
    reduce_final_f256(power);
    for (int i = 0; i < 9; i++) {
        bad |= power[i];
    }
    if (bad) {
        return 0;
    }
    le30_to_be8(y, COORDINATE, root);
    return 1;
}

int mb_p256_sign(uint8_t signature[64], const uint8_t secret[32], const uint8_t digest[32]) {
    br_ec_private_key key = {BR_EC_secp256r1, (unsigned char *)secret, COORDINATE};
    if (!in_range(secret)) {
        return 0;
    }
    br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, digest, &key, signature);
    mb_wipe_stack();
    return 1;
}

int mb_p256_verify(const uint8_t public[64], const uint8_t digest[32], const uint8_t signature[64]) {
    uint8_t point[POINT];
    br_ec_public_key key = {BR_EC_secp256r1, point, POINT};
    // The library lets r = 0 through and relies on no point having that x.
    if (!in_range(signature) || !in_range(signature + COORDINATE)) {
        return 0;
    }
    point[0] = UNCOMPRESSED;
    memcpy(point + 1, public, 2 * COORDINATE);
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, COORDINATE, &key, signature, 2 * COORDINATE);
}
