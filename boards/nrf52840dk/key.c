// The page of the device's private key. A mark behind the key, written last, says that it is whole.

#include <string.h>

#include "board.h"
#include "chip.h"
#include "flash.h"

#define MARK 0x4d624b31u // of this format
#define WORDS (BOARD_KEY_LENGTH / 4)
#define PAGE 4096u
// The access control list has eight entries, each good until the next reset.
#define ENTRY 0

extern const uint32_t _key_start[];

bool board_key_read(uint8_t key[BOARD_KEY_LENGTH]) {
    if (_key_start[WORDS] != MARK) {
        return false;
    }
    memcpy(key, _key_start, BOARD_KEY_LENGTH);
    return true;
}

bool board_key_write(const uint8_t key[BOARD_KEY_LENGTH]) {
    uint32_t words[WORDS];
    const uint32_t mark = MARK;
    memcpy(words, key, sizeof(words));
    bool done = flash_erase((uint32_t)_key_start) && flash_write((uint32_t)_key_start, words, WORDS)
        && flash_write((uint32_t)(_key_start + WORDS), &mark, 1);
    memset(words, 0, sizeof(words));
    __asm volatile ("" :: "r" (words) : "memory");
    return done;
}

void board_key_lock(void) {
    // In this order: the permissions are what puts the entry in force.
    ACL_ADDR(ENTRY) = (uint32_t)_key_start;
    ACL_SIZE(ENTRY) = PAGE;
    ACL_PERM(ENTRY) = ACL_NO_READ | ACL_NO_WRITE;
}
