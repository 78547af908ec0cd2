// The store's flash over NVMC: pages of 4 kB are erased, words are programmed.
//
// The processor stands still when it fetches from a flash that is busy: 41 us a word, 85 ms a page. So the loops
// here run from RAM, with interrupts on, as do the vectors and the radio's interrupt; and a page is erased in slices of
// a millisecond, between which interrupts that live in flash are served.
//
// Power may fail at any moment. A word that was being programmed or a page that was being erased then reads as
// anything; littlefs commits to neither before it has come back from here, and each call has read back what it wrote.

#include "flash.h"

#include <string.h>

#include "board.h"
#include "chip.h"

#define RAMCODE __attribute__((section(".ramcode"), noinline))
#define PAGE 4096u
#define SLICE_MS 1u
// 85 ms together, and some more because a slice may be short by a few per cent.
#define SLICES 94

extern const uint8_t _store_start[];

// Bounded by the hardware: neither operation ever takes longer than it takes.
RAMCODE static void program(uint32_t address, const uint32_t *words, size_t count) {
    NVMC_CONFIG = NVMC_WRITE;
    for (size_t i = 0; i < count; i++) {
        while (!NVMC_READY) {
        }
        REG32(address + 4 * i) = words[i];
    }
    while (!NVMC_READY) {
    }
    NVMC_CONFIG = NVMC_READ;
}

RAMCODE static void erase_in_slices(uint32_t address) {
    NVMC_CONFIG = NVMC_ERASE;
    NVMC_ERASEPAGEPARTIALCFG = SLICE_MS;
    for (int i = 0; i < SLICES; i++) {
        NVMC_ERASEPAGEPARTIAL = address;
        while (!NVMC_READY) {
        }
    }
    NVMC_CONFIG = NVMC_READ;
}

RAMCODE static void erase_whole(uint32_t address) {
    NVMC_CONFIG = NVMC_ERASE;
    NVMC_ERASEPAGE = address;
    while (!NVMC_READY) {
    }
    NVMC_CONFIG = NVMC_READ;
}

static bool is_erased(uint32_t address) {
    for (uint32_t i = 0; i < PAGE; i += 4) {
        if (REG32(address + i) != 0xFFFFFFFF) {
            return false;
        }
    }
    return true;
}

bool flash_write(uint32_t address, const uint32_t *words, size_t count) {
    program(address, words, count);
    for (size_t i = 0; i < count; i++) {
        if (REG32(address + 4 * i) != words[i]) {
            return false;
        }
    }
    return true;
}

bool flash_erase(uint32_t address) {
    erase_in_slices(address);
    if (is_erased(address)) {
        return true;
    }
    // A worn or cold page may need the long one.
    erase_whole(address);
    return is_erased(address);
}

bool board_flash_read(uint32_t offset, void *buf, size_t length) {
    memcpy(buf, _store_start + offset, length);
    return true;
}

// littlefs asks for multiples of its 32 bytes. Of other lengths, the words at both ends keep what is there.
bool board_flash_program(uint32_t offset, const void *buf, size_t length) {
    const uint8_t *bytes = buf;
    uint32_t address = (uint32_t)_store_start + offset;
    while (length) {
        uint32_t words[8];
        uint32_t skip = address & 3;
        size_t part = sizeof(words) - skip < length ? sizeof(words) - skip : length;
        size_t count = (skip + part + 3) / 4;
        memcpy(words, (const void *)(address - skip), count * 4);
        for (size_t i = 0; i < part; i++) {
            ((uint8_t *)words)[skip + i] &= bytes[i];
        }
        if (!flash_write(address - skip, words, count)) {
            return false;
        }
        address += part;
        bytes += part;
        length -= part;
    }
    return true;
}

bool board_flash_erase(uint32_t block) {
    return flash_erase((uint32_t)_store_start + block * BOARD_FLASH_BLOCK);
}
