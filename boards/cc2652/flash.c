// The store's flash: the pages between the program and the last page, erased and programmed by functions of the boot
// ROM. While those run nothing can be read from the flash, so no interrupt may come, and what is programmed must be in
// RAM. The cache is off meanwhile; it would answer with what was there before.

#include <string.h>

#include "board.h"
#include "chip.h"

// Interrupts wait for this many bytes, about 0.1 ms. An erased page keeps them waiting for 8 ms and more.
#define CHUNK 64

extern const uint8_t _store_start;

static void vims_settle(void) {
    while (VIMS_STAT & VIMS_STAT_CHANGING) {
    }
}

// Cache and line buffers off; what they were, for cache_restore().
static uint32_t cache_off(void) {
    vims_settle();
    uint32_t before = VIMS_CTL;
    VIMS_CTL = (before & ~VIMS_CTL_MODE) | VIMS_MODE_NO_CACHE | VIMS_CTL_LINE_BUFFERS_OFF;
    vims_settle();
    return before;
}

static void cache_restore(uint32_t before) {
    VIMS_CTL = before;
    vims_settle();
}

// The ROM returns 0 when it is done, and may leave the bank's standby switched off.
static bool rom_call(unsigned function, uint32_t a, uint32_t b, uint32_t c) {
    uint32_t (*call)(uint32_t, uint32_t, uint32_t) = (uint32_t (*)(uint32_t, uint32_t, uint32_t))ROM_API_FLASH[function];
    uint32_t state = irq_save();
    uint32_t cache = cache_off();
    uint32_t result = call(a, b, c);
    FLASH_CFG &= ~FLASH_CFG_DIS_STANDBY;
    cache_restore(cache);
    irq_restore(state);
    return result == 0;
}

bool board_flash_read(uint32_t offset, void *buf, size_t length) {
    memcpy(buf, &_store_start + offset, length);
    return true;
}

bool board_flash_program(uint32_t offset, const void *buf, size_t length) {
    const uint8_t *bytes = buf;
    const uint8_t *at = &_store_start + offset;
    while (length) {
        uint8_t chunk[CHUNK];
        size_t count = length < CHUNK ? length : CHUNK;
        for (size_t i = 0; i < count; i++) {
            chunk[i] = bytes[i] & at[i];
        }
        if (!rom_call(ROM_FLASH_PROGRAM, (uint32_t)chunk, (uint32_t)at, count) || memcmp(at, chunk, count) != 0) {
            return false;
        }
        bytes += count;
        at += count;
        length -= count;
    }
    return true;
}

bool board_flash_erase(uint32_t block) {
    const uint8_t *page = &_store_start + block * BOARD_FLASH_BLOCK;
    if (!rom_call(ROM_FLASH_ERASE_SECTOR, (uint32_t)page, 0, 0)) {
        return false;
    }
    for (size_t i = 0; i < BOARD_FLASH_BLOCK; i++) {
        if (page[i] != 0xff) {
            return false;
        }
    }
    return true;
}
