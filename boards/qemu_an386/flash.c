// Flash of the emulated board: a copy in PSRAM to read from, and a file of the host that each program and erase is
// written to before it returns. So killing the emulator at any moment is a power cut. It behaves as NOR flash does: an
// erase sets a block to ones, programming only clears bits.

#include "flash.h"

#include <string.h>

#include "board.h"
#include "options.h"
#include "semihosting.h"

// Exit status of a power cut that was asked for, told apart from all others by tests.
#define POWER_CUT_STATUS 86

static uint8_t content[BOARD_FLASH_SIZE] __attribute__((section(".emulated_flash")));
static int file = -1;
static uint32_t operations;
static uint32_t cut;
static uint32_t after;

static bool write_through(uint32_t offset, size_t length) {
    operations++;
    bool power_fails = cut && operations == cut;
    if (power_fails) {
        length /= 2;
    }
    bool done = file < 0 || length == 0
        || (semihosting_seek(file, offset) && semihosting_write(file, content + offset, length));
    if (power_fails || (after && operations == after)) {
        semihosting_exit(POWER_CUT_STATUS);
    }
    return done;
}

void flash_init(void) {
    memset(content, 0xff, sizeof(content));
    const char *path = option_text("flash");
    if (!path) {
        return;
    }
    file = semihosting_open(path, SEMIHOSTING_UPDATE);
    if (file < 0) {
        file = semihosting_open(path, SEMIHOSTING_CREATE);
    }
    int32_t length = file < 0 ? -1 : semihosting_length(file);
    if (length == 0) {
        write_through(0, sizeof(content));
        operations = 0;
    } else if (length != sizeof(content) || !semihosting_read(file, content, sizeof(content))) {
        // A store that cannot be kept must not pass for one that is kept.
        semihosting_exit(1);
    }
    option_number("cut", &cut);
    option_number("after", &after);
}

bool board_flash_read(uint32_t offset, void *buf, size_t length) {
    memcpy(buf, content + offset, length);
    return true;
}

bool board_flash_program(uint32_t offset, const void *buf, size_t length) {
    const uint8_t *bytes = buf;
    for (size_t i = 0; i < length; i++) {
        content[offset + i] &= bytes[i];
    }
    return write_through(offset, length);
}

bool board_flash_erase(uint32_t block) {
    uint32_t offset = block * BOARD_FLASH_BLOCK;
    memset(content + offset, 0xff, BOARD_FLASH_BLOCK);
    return write_through(offset, BOARD_FLASH_BLOCK);
}
