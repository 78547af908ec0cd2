// os.urandom: a generator of hashes, seeded and reseeded from the chip's random generator (TRNG), whose output passes
// the health tests of NIST SP 800-90B section 4.4 first. It fails for good as soon as one of them does.
//
// The TRNG's oscillators are watched by hardware as well: one that locks to another is switched off, and the TRNG says
// so when that happens to one of them. A number takes it 5 ms, so small amounts come from the generator alone; keys
// (KEY_LENGTH and more) get a reseed first. The generator forgets how it came to its output (fast key erasure).

#include <string.h>

#include "mbedtls/platform_util.h"
#include "mbedtls/sha256.h"

#include "board.h"
#include "chip.h"
#include "ticks.h"

// Samples per number of 64 bits, as many as TI's driver takes, in units of 256.
#define REFILL_SAMPLES 240000u
#define READY_MS 50
// Oscillators that may be switched off before the TRNG gives up.
#define SHUTDOWN_THRESHOLD 4u
#define ALL_OSCILLATORS 0xFFFFFFu

// We count on no more than 4 bits of entropy in a byte of TRNG output; a seed of 256 bits takes 64 bytes, and half of
// that again on top.
#define SEED_BYTES 96
// The tests assume even less, 1 bit a byte, at a false alarm in 2**30: cut-offs of SP 800-90B 4.4.1 and 4.4.2.
#define REPETITION_CUTOFF 31
#define PROPORTION_WINDOW 512
#define PROPORTION_CUTOFF 325
#define STARTUP_BYTES 1024

#define KEY_LENGTH 16
#define RESEED_BYTES 1024

static struct {
    uint8_t key[32];
    uint32_t left; // bytes until the next reseed
    bool seeded;
    bool failed;
} generator;

static struct {
    uint8_t last;
    uint8_t repeated;
    uint8_t sample;
    uint16_t seen;
    uint16_t equal;
} health;

static bool healthy(uint8_t byte) {
    health.repeated = byte == health.last && health.repeated ? health.repeated + 1 : 1;
    health.last = byte;
    if (health.repeated >= REPETITION_CUTOFF) {
        return false;
    }
    if (health.seen == 0) {
        health.sample = byte;
        health.equal = 0;
    }
    health.equal += byte == health.sample;
    health.seen = (health.seen + 1) % PROPORTION_WINDOW;
    return health.equal < PROPORTION_CUTOFF;
}

static void trng_start(void) {
    TRNG_CTL = 0;
    TRNG_CFG0 = (REFILL_SAMPLES / 256) << 16;
    TRNG_ALARMCNT = SHUTDOWN_THRESHOLD << 16 | 0xFF;
    TRNG_ALARMSTOP = 0;
    TRNG_FROEN = ALL_OSCILLATORS;
    TRNG_IRQFLAGCLR = TRNG_IRQFLAG_READY | TRNG_IRQFLAG_SHUTDOWN;
    TRNG_CTL = (REFILL_SAMPLES / 256) << 16 | TRNG_CTL_ENABLE;
}

// 8 bytes of the TRNG, tested. False: it is broken.
static bool trng_read(uint8_t bytes[8]) {
    uint32_t since = ticks_ms();
    while (!(TRNG_IRQFLAGSTAT & TRNG_IRQFLAG_READY)) {
        if (ticks_ms() - since > READY_MS) {
            return false;
        }
        ticks_wait(1);
    }
    uint32_t words[2] = {TRNG_OUT0, TRNG_OUT1};
    bool fit = !(TRNG_IRQFLAGSTAT & TRNG_IRQFLAG_SHUTDOWN);
    TRNG_IRQFLAGCLR = TRNG_IRQFLAG_READY;
    memcpy(bytes, words, sizeof(words));
    for (int i = 0; i < 8; i++) {
        fit = healthy(bytes[i]) && fit;
    }
    return fit;
}

// key = SHA-256(key || TRNG output)
static bool reseed(void) {
    uint8_t material[32 + SEED_BYTES];
    memcpy(material, generator.key, 32);
    bool fit = true;
    for (int i = 0; i < SEED_BYTES && fit; i += 8) {
        fit = trng_read(material + 32 + i);
    }
    if (fit) {
        mbedtls_sha256(material, sizeof(material), generator.key, 0);
        generator.left = RESEED_BYTES;
    }
    mbedtls_platform_zeroize(material, sizeof(material));
    return fit;
}

static bool start(void) {
    trng_start();
    for (int i = 0; i < STARTUP_BYTES; i += 8) {
        uint8_t discarded[8];
        if (!trng_read(discarded)) {
            return false;
        }
    }
    return reseed();
}

// 32 bytes of output, and a new key: both from the old one, neither from the other.
static void step(uint8_t output[32]) {
    uint8_t material[33];
    memcpy(material, generator.key, 32);
    material[32] = 1;
    mbedtls_sha256(material, sizeof(material), output, 0);
    material[32] = 0;
    mbedtls_sha256(material, sizeof(material), generator.key, 0);
    mbedtls_platform_zeroize(material, sizeof(material));
}

bool board_entropy(void *buf, size_t length) {
    if (!generator.seeded && !generator.failed) {
        generator.failed = !start();
        generator.seeded = !generator.failed;
    }
    if (!generator.failed && (length >= KEY_LENGTH || generator.left < length)) {
        generator.failed = !reseed();
    }
    if (generator.failed) {
        return false;
    }
    generator.left -= length < generator.left ? length : generator.left;
    uint8_t *at = buf;
    while (length) {
        uint8_t block[32];
        size_t count = length < sizeof(block) ? length : sizeof(block);
        step(block);
        memcpy(at, block, count);
        mbedtls_platform_zeroize(block, sizeof(block));
        at += count;
        length -= count;
    }
    return true;
}
