// The page of the device's own key, one beside the store; see docs/decisions/0010-device-key.md.

#ifndef MICROBREW_FLASH_H
#define MICROBREW_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Program erased words at an absolute address; both a multiple of 4. True: they read back.
bool flash_write(uint32_t address, const uint32_t *words, size_t count);
// Erase the page at an absolute address. True: it reads back erased.
bool flash_erase(uint32_t address);

#endif
