// Looks for what a verb leaves of its secret on the stack: runs it twice from the same frame with different secrets and
// counts the bytes below that differ. Prints "NAME DIFFERENT DEPTH". Built and run by tests/host/test_native_build.py,
// also with too short a wipe, which must show.

// What the compiler warns of, reading the stack as others left it, is the purpose.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "p256.h"
#include "symmetric.h"
#include "x25519.h"

enum { DEPTH = 16384, PAINT = 0xA5 };

static uint8_t secret[32], peer[64], fixed[200], out[256], sealed[2][40], input[40];
static int failed;
static int round_;

static mb_bytes_t bytes(const uint8_t *data, size_t len) {
    return (mb_bytes_t) {data, len};
}

static void v_public(void) {
    failed |= !mb_p256_public(out, secret);
}

static void v_ecdh(void) {
    failed |= !mb_p256_ecdh(out, secret, peer);
}

static void v_sign(void) {
    failed |= !mb_p256_sign(out, secret, fixed);
}

static void v_x25519(void) {
    failed |= !mb_x25519(out, secret, fixed);
}

static void v_sha256(void) {
    mb_bytes_t data = bytes(secret, 32);
    mb_sha256(out, &data, 1);
}

static void v_hmac(void) {
    mb_hmac(out, bytes(secret, 32), bytes(fixed, 100));
}

static void v_expand(void) {
    mb_hkdf_expand(out, 100, bytes(secret, 32), bytes(fixed, 40));
}

static void v_seal(void) {
    mb_ccm_seal(out, secret, fixed, bytes(fixed, 21), bytes(secret, 32), 8);
}

static void v_open(void) {
    failed |= !mb_ccm_open(out, secret, fixed, bytes(fixed, 21), bytes(input, 40), 8);
}

static __attribute__((noinline)) void paint(void) {
    volatile uint8_t area[DEPTH];
    for (int i = 0; i < DEPTH; i++) {
        area[i] = PAINT;
    }
}

static __attribute__((noinline)) void snapshot(uint8_t *copy) {
    volatile uint8_t area[DEPTH];
    for (int i = 0; i < DEPTH; i++) {
        copy[i] = area[i];
    }
}

static void (*current)(void);

// A verb saves registers of its caller on the stack, so they get the same content each time. x86-64 only.
static __attribute__((noinline)) void run_current(void) {
    __asm__ volatile (
        "xor %%ebx, %%ebx\n xor %%r10d, %%r10d\n xor %%r11d, %%r11d\n"
        "xor %%r12d, %%r12d\n xor %%r13d, %%r13d\n xor %%r14d, %%r14d\n xor %%r15d, %%r15d\n"
        : : : "rbx", "r10", "r11", "r12", "r13", "r14", "r15");
    current();
}

static void look(const char *name, void (*verb)(void)) {
    static uint8_t copy[2][DEPTH];
    int different = 0;
    int untouched = 0;
    current = verb;
    for (round_ = 0; round_ < 2; round_++) {
        for (int j = 0; j < 32; j++) {
            secret[j] = round_ ? 0x21 + 3 * j : 0x9F - 5 * j;
        }
        memcpy(input, sealed[round_], sizeof input);
        paint();
        run_current();
        snapshot(copy[round_]);
        if (verb == v_seal) {
            memcpy(sealed[round_], out, sizeof input);
        }
    }
    for (int i = 0; i < DEPTH; i++) {
        different += copy[0][i] != copy[1][i];
    }
    while (untouched < DEPTH && copy[0][untouched] == PAINT) {
        untouched++;
    }
    printf("%s %d %d\n", failed ? "FAILED" : name, different, DEPTH - untouched);
}

int main(void) {
    for (unsigned i = 0; i < sizeof fixed; i++) {
        fixed[i] = i + 1;
    }
    memset(secret, 7, sizeof secret);
    failed |= !mb_p256_public(peer, secret);
    look("p256_public", v_public);
    look("p256_ecdh", v_ecdh);
    look("p256_sign", v_sign);
    look("x25519", v_x25519);
    look("sha256", v_sha256);
    look("hmac", v_hmac);
    look("hkdf_expand", v_expand);
    look("ccm_seal", v_seal);
    look("ccm_open", v_open);
    return failed;
}
