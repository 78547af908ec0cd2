// Instruction counts and stack use of every verb behind the seams, on a bare Cortex-M4 in qemu-system-arm (machine
// mps2-an386, -icount shift=0,sleep=off): one instruction is one nanosecond there, a SysTick is 40 of them. Prints
// "NAME INSTRUCTIONS STACK" by semihosting and ends. Built and run by tests/bench/bench_native.py.

#include <stdint.h>
#include <string.h>

#include "p256.h"
#include "symmetric.h"
#ifdef WITH_X25519
#include "x25519.h"
#endif

#define SYST_CSR (*(volatile uint32_t *)0xE000E010)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018)

enum { TICK = 40, PAINT = 0xA5, DEPTH = 12288, REPEAT = 16 };

extern uint32_t stack_top[];

static int semihost(int operation, const void *argument) {
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile ("bkpt 0xab" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

static void print_number(uint32_t number) {
    char digits[12];
    char *p = digits + sizeof digits - 1;
    *p = 0;
    do {
        *--p = '0' + number % 10;
        number /= 10;
    } while (number);
    semihost(4, p);
}

static uint8_t secret[32], public[64], peer[64], digest[32], signature[64], out[256], sealed[256], data[200];
static volatile int result;

static mb_bytes_t bytes(size_t len) {
    return (mb_bytes_t) {data, len};
}

static void nothing(void) {
}

static void v_public(void) {
    result = mb_p256_public(public, secret);
}

static void v_ecdh(void) {
    result = mb_p256_ecdh(out, secret, peer);
}

static void v_solve(void) {
    result = mb_p256_solve(out, peer);
}

static void v_sign(void) {
    result = mb_p256_sign(signature, secret, digest);
}

static void v_verify(void) {
    result = mb_p256_verify(public, digest, signature);
}

static void v_sha256(void) {
    mb_bytes_t part = bytes(64);
    mb_sha256(out, &part, 1);
}

static void v_hmac(void) {
    mb_hmac(out, bytes(32), bytes(64));
}

static void v_expand(void) {
    mb_hkdf_expand(out, 32, bytes(32), bytes(40));
}

static void v_seal20(void) {
    mb_ccm_seal(sealed, secret, data, bytes(20), bytes(20), 8);
}

static void v_seal100(void) {
    mb_ccm_seal(sealed, secret, data, bytes(20), bytes(100), 8);
}

static void v_open100(void) {
    result = mb_ccm_open(out, secret, data, bytes(20), (mb_bytes_t) {sealed, 108}, 8);
}

#ifdef WITH_X25519
static void v_x25519(void) {
    result = mb_x25519(out, secret, data);
}
#endif

static __attribute__((noinline)) void paint(void) {
    volatile uint8_t area[DEPTH];
    for (int i = 0; i < DEPTH; i++) {
        area[i] = PAINT;
    }
}

// Bytes of stack that were written since paint(), called from the same frame.
static __attribute__((noinline)) uint32_t used(void) {
    volatile uint8_t area[DEPTH];
    uint32_t untouched = 0;
    while (untouched < DEPTH && area[untouched] == PAINT) {
        untouched++;
    }
    return DEPTH - untouched;
}

static __attribute__((noinline)) uint32_t ticks(void (*verb)(void)) {
    uint32_t start = SYST_CVR;
    verb();
    return (start - SYST_CVR) & 0xFFFFFF;
}

static void measure(const char *name, void (*verb)(void), int repeat) {
    uint32_t sum = 0;
    uint32_t idle = 0;
    uint32_t depth;
    result = 1;
    paint();
    verb();
    depth = used();
    for (int i = 0; i < repeat; i++) {
        sum += ticks(verb);
        idle += ticks(nothing);
    }
    semihost(4, result ? name : "FAILED");
    semihost(4, " ");
    print_number((uint32_t)((uint64_t)(sum - idle) * TICK / repeat));
    semihost(4, " ");
    print_number(depth);
    semihost(4, "\n");
}

static void run(void) {
    SYST_RVR = 0xFFFFFF;
    SYST_CVR = 0;
    SYST_CSR = 5;
    for (unsigned i = 0; i < sizeof data; i++) {
        data[i] = i;
    }
    memset(secret, 0x5A, 32);
    mb_p256_public(peer, secret);
    memset(secret, 0xC3, 32);
    memset(digest, 0x3C, 32);
    measure("p256_public", v_public, 1);
    measure("p256_ecdh", v_ecdh, 1);
    measure("p256_solve", v_solve, 1);
    measure("p256_sign", v_sign, 1);
    measure("p256_verify", v_verify, 1);
    #ifdef WITH_X25519
    measure("x25519", v_x25519, 1);
    #endif
    measure("sha256_64", v_sha256, REPEAT);
    measure("hmac_64", v_hmac, REPEAT);
    measure("hkdf_expand_32", v_expand, REPEAT);
    measure("ccm_seal_20", v_seal20, REPEAT);
    measure("ccm_seal_100", v_seal100, REPEAT);
    measure("ccm_open_100", v_open100, REPEAT);
    semihost(0x18, (void *)0x20026);
}

static void fault(void) {
    semihost(4, "FAULT\n");
    semihost(0x18, (void *)0x20023);
}

__attribute__((section(".vectors"), used)) static void *const vectors[] = {
    stack_top, run, fault, fault, fault, fault, fault,
};
