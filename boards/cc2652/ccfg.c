// The chip's start-up configuration (CCFG): 22 words at the end of the flash, which the boot ROM reads before any of our
// code. Without a valid one the chip stays in its boot loader. A bit that is set means: leave it as the factory did.

#include <stdint.h>

#define FACTORY 0xFFFFFFFFu

// Enabled is this value; everything else is not.
#define ENABLED 0xC5u
#define BUTTON_1 13u

// A 48 MHz crystal without change to its capacitors, 32 kHz crystal as slow clock, DC/DC converter on while active and
// while asleep, brown-out at 1.8 V, 5.8 uF at VDDR.
#define MODE_CONF 0xF3BBFF3Au
// Alternative DC/DC settings below 2.25 V; the crystal may take 1.6 ms to start.
#define MODE_CONF_1 0xFF800010u
// Size of this block, and which of its options count: the cache is a cache, not RAM.
#define SIZE_AND_FLAGS (88u << 16 | 0xFFFDu)

#if MICROBREW_RELEASE
// Nobody reads a device's keys through the boot loader.
#define BOOT_LOADER (0x00FFFFFFu)
#else
// The ROM's serial boot loader, for whoever holds BTN-1 down at reset; low is pressed.
#define BOOT_LOADER (ENABLED << 24 | 0xFEu << 16 | BUTTON_1 << 8 | ENABLED)
#endif

#if BOARD_LOCK
// No debugger. The chip can still be erased as a whole, with all keys on it, and used again.
#define DEBUG_ACCESS 0xFF000000u
#else
#define DEBUG_ACCESS (0xFFu << 24 | ENABLED << 16 | ENABLED << 8)
#endif

__attribute__((section(".ccfg"), used)) static const uint32_t ccfg[22] = {
    0x01800000u, // external 32 kHz clock: pin and rate, not used
    MODE_CONF_1,
    SIZE_AND_FLAGS,
    MODE_CONF,
    FACTORY, // load compensation of the supply
    FACTORY,
    FACTORY, // temperature compensation of the clocks
    FACTORY,
    FACTORY, // IEEE address: the chip's own
    FACTORY,
    FACTORY, // Bluetooth address
    FACTORY,
    BOOT_LOADER,
    FACTORY, // the whole chip may be erased
    0xFFFFFF00u, // TI's failure analysis: not to be unlocked
    DEBUG_ACCESS,
    0xFF000000u, // test access: none
    0, // the image is valid, its vectors are at this address
    FACTORY, // pages with write protection: none
    FACTORY,
    FACTORY,
    FACTORY,
};
