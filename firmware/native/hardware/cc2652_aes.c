// AES by the CC2652's crypto core (TI SWCU185, chapter "Cryptography"): a key store that is written by DMA and that only
// the AES engine reads, and the engine, which fetches a block and writes the result by DMA. The core has a clock while it
// is in use only. Its interrupt is not: a block is done before a handler would have begun.

#include "aes.h"

#include <stddef.h>
#include <string.h>

#define REG(address) (*(volatile uint32_t *)(address))

#define PRCM_CLKLOADCTL REG(0x40082028)
#define CLKLOADCTL_LOAD (1u << 0)
#define CLKLOADCTL_LOAD_DONE (1u << 1)
#define PRCM_SECDMACLKGR REG(0x4008203C)
#define SECDMACLKG_CRYPTO (1u << 0)

#define CRYPTO(offset) REG(0x40024000 + (offset))
// Channel 0 reads memory, channel 1 writes it. A length starts a channel that is enabled.
#define DMACH0CTL CRYPTO(0x000)
#define DMACH0EXTADDR CRYPTO(0x004)
#define DMACH0LEN CRYPTO(0x00C)
#define DMASTAT CRYPTO(0x018)
#define DMASTAT_ACTIVE 3u
#define DMASWRESET CRYPTO(0x01C)
#define DMACH1CTL CRYPTO(0x020)
#define DMACH1EXTADDR CRYPTO(0x024)
#define DMACH1LEN CRYPTO(0x02C)
#define DMACHCTL_ENABLE 1u
#define KEYWRITEAREA CRYPTO(0x400)
#define KEYWRITTENAREA CRYPTO(0x404)
#define KEYSIZE CRYPTO(0x408)
#define KEYSIZE_128 1u
#define KEYREADAREA CRYPTO(0x40C)
#define KEYREADAREA_BUSY (1u << 31)
#define AESCTL CRYPTO(0x550)
#define AESCTL_ECB_ENCRYPT (1u << 2)
#define AESDATALEN0 CRYPTO(0x554)
#define AESDATALEN1 CRYPTO(0x558)
#define ALGSEL CRYPTO(0x700)
#define ALGSEL_KEY_STORE (1u << 0)
#define ALGSEL_AES (1u << 1)
#define SWRESET CRYPTO(0x740)
#define IRQTYPE CRYPTO(0x780)
#define IRQTYPE_LEVEL 1u
#define IRQEN CRYPTO(0x784)
#define IRQCLR CRYPTO(0x788)
#define IRQSTAT CRYPTO(0x790)
#define IRQ_RESULT (1u << 0)
#define IRQ_INPUT_DONE (1u << 1)
#define IRQ_ERRORS (7u << 29)

// Which of the key store's eight areas.
#define AREA 0u
#define BLOCK 16u
// In turns of a loop, of a few clocks each. A block takes some 60 clocks, a change of clock gates microseconds.
#define PATIENCE 10000

// In RAM, which DMA surely reaches, and aligned, which it need not be.
static struct {
    uint8_t key[BLOCK];
    uint8_t block[BLOCK];
} dma __attribute__((aligned(4)));

static bool failed;

// Waits for bits of a register to become so; whether they did.
#define AWAIT(condition) \
    ({ \
        int left_ = PATIENCE; \
        while (!(condition) && --left_) { \
        } \
        left_ != 0; \
    })

static bool clock_gate(bool on) {
    uint32_t gates = PRCM_SECDMACLKGR;
    PRCM_SECDMACLKGR = on ? gates | SECDMACLKG_CRYPTO : gates & ~SECDMACLKG_CRYPTO;
    PRCM_CLKLOADCTL = CLKLOADCTL_LOAD;
    return AWAIT(PRCM_CLKLOADCTL & CLKLOADCTL_LOAD_DONE);
}

static bool finished(void) {
    bool done = AWAIT(IRQSTAT & (IRQ_RESULT | IRQ_ERRORS)) && !(IRQSTAT & IRQ_ERRORS);
    IRQCLR = IRQ_RESULT | IRQ_INPUT_DONE | IRQ_ERRORS;
    return done;
}

// The key in dma.key into the key store.
static bool store_key(void) {
    ALGSEL = ALGSEL_KEY_STORE;
    IRQCLR = IRQ_RESULT | IRQ_INPUT_DONE | IRQ_ERRORS;
    // Makes what was there before invalid.
    KEYSIZE = KEYSIZE_128;
    KEYWRITEAREA = 1u << AREA;
    __asm volatile ("dsb" ::: "memory");
    DMACH0CTL = DMACHCTL_ENABLE;
    DMACH0EXTADDR = (uint32_t)dma.key;
    DMACH0LEN = BLOCK;
    return finished() && (KEYWRITTENAREA & 1u << AREA);
}

// The key from the key store into the engine.
static bool load_key(void) {
    KEYREADAREA = AREA;
    return AWAIT(!(KEYREADAREA & KEYREADAREA_BUSY)) && !(IRQSTAT & IRQ_ERRORS);
}

bool mb_aes_begin(const uint8_t key[16]) {
    memcpy(dma.key, key, BLOCK);
    failed = !clock_gate(true);
    if (!failed) {
        IRQTYPE = IRQTYPE_LEVEL;
        // Only what is enabled shows in IRQSTAT.
        IRQEN = IRQ_RESULT;
        failed = !store_key();
    }
    return !failed;
}

bool mb_aes_encrypt(const uint8_t in[16], uint8_t out[16]) {
    if (failed) {
        return false;
    }
    memcpy(dma.block, in, BLOCK);
    ALGSEL = ALGSEL_AES;
    failed = !load_key();
    if (!failed) {
        AESCTL = AESCTL_ECB_ENCRYPT;
        AESDATALEN0 = BLOCK;
        AESDATALEN1 = 0;
        __asm volatile ("dsb" ::: "memory");
        DMACH0CTL = DMACHCTL_ENABLE;
        DMACH0EXTADDR = (uint32_t)dma.block;
        DMACH0LEN = BLOCK;
        DMACH1CTL = DMACHCTL_ENABLE;
        DMACH1EXTADDR = (uint32_t)dma.block;
        DMACH1LEN = BLOCK;
        failed = !finished();
        __asm volatile ("dsb" ::: "memory");
        memcpy(out, dma.block, BLOCK);
    }
    return !failed;
}

// A transfer may hang in the middle; without this it would be the next one's.
static void reset(void) {
    DMASWRESET = 1;
    (void)AWAIT(!(DMASTAT & DMASTAT_ACTIVE));
    SWRESET = 1;
    IRQEN = IRQ_RESULT;
}

void mb_aes_end(void) {
    memset(&dma, 0, sizeof(dma));
    __asm volatile ("" ::: "memory");
    if (PRCM_CLKLOADCTL & CLKLOADCTL_LOAD_DONE) {
        if (failed) {
            reset();
        }
        // Another key over the one that was, in the store and in the engine: "not valid" alone would leave it there.
        if (store_key()) {
            ALGSEL = ALGSEL_AES;
            (void)load_key();
        } else {
            reset();
        }
        KEYWRITTENAREA = 1u << AREA;
        AESCTL = 0;
        ALGSEL = 0;
    }
    (void)clock_gate(false);
}
