// Bytes for keys from the chip's RNG, as NIST SP 800-90B wants it: raw samples go through health tests at start (1024
// of them, not used) and continuously, and are conditioned by SHA-256. 80 samples with at least 4 bits each make 32
// bytes. A failed test takes the source out of use; it must pass the start-up tests again before it gives another
// byte.

#include "board.h"

#include <string.h>

#include "chip.h"
#include "entropy_health.h"
#include "symmetric.h"

#define STARTUP_SAMPLES 1024
#define SAMPLES 80
#define OUTPUT 32
// A sample takes 120 us; at 64 MHz and several clocks a turn this is a hundred times as long.
#define PATIENCE 200000

static struct entropy_health health;
static bool tested;
static uint8_t ready[OUTPUT];
static size_t left;

static bool sample(uint8_t *byte) {
    for (int i = 0; !RNG_VALRDY; i++) {
        if (i == PATIENCE) {
            return false;
        }
    }
    RNG_VALRDY = 0;
    *byte = (uint8_t)RNG_VALUE;
    return entropy_health_take(&health, *byte);
}

static bool samples(uint8_t *bytes, size_t count) {
    RNG_CONFIG = RNG_CONFIG_DERCEN;
    RNG_VALRDY = 0;
    RNG_START = 1;
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        good = sample(bytes + i);
    }
    RNG_STOP = 1;
    return good;
}

static bool refill(void) {
    uint8_t raw[SAMPLES];
    if (!tested) {
        entropy_health_clear(&health);
        for (int i = 0; i < STARTUP_SAMPLES; i += SAMPLES) {
            if (!samples(raw, SAMPLES)) {
                return false;
            }
        }
        tested = true;
    }
    if (!samples(raw, SAMPLES)) {
        tested = false;
        return false;
    }
    mb_sha256(ready, &(mb_bytes_t) {raw, SAMPLES}, 1);
    memset(raw, 0, sizeof(raw));
    __asm volatile ("" :: "r" (raw) : "memory");
    left = OUTPUT;
    return true;
}

bool board_entropy(void *buf, size_t length) {
    uint8_t *out = buf;
    while (length) {
        if (!left && !refill()) {
            return false;
        }
        size_t part = left < length ? left : length;
        left -= part;
        memcpy(out, ready + left, part);
        // Given once.
        memset(ready + left, 0, part);
        out += part;
        length -= part;
    }
    return true;
}
