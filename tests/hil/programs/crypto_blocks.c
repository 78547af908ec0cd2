// RNG, ECB, TEMP, FICR: values and how long they take.
#include "start.h"

#define RNG(offset) REG(0x4000D000 + (offset))
#define ECB(offset) REG(0x4000E000 + (offset))
#define TEMP(offset) REG(0x4000C000 + (offset))

static uint8_t block[48] __attribute__((aligned(4)));

static uint32_t us(void) {
    REG(0x4001A040) = 1;
    return REG(0x4001A540);
}

int main(void) {
    REG(0x4001A508) = 3;
    REG(0x4001A000) = 1;

    for (int corrected = 0; corrected < 2; corrected++) {
        RNG(0x504) = corrected;
        RNG(0x100) = 0;
        RNG(0x000) = 1;
        while (!RNG(0x100)) {
        }
        uint32_t begun = us();
        for (int i = 0; i < 10; i++) {
            RNG(0x100) = 0;
            while (!RNG(0x100)) {
            }
        }
        result[corrected] = us() - begun;
        RNG(0x004) = 1;
    }
    result[2] = RNG(0x508) < 256;

    for (int i = 0; i < 16; i++) {
        block[i] = i;
        block[16 + i] = 0x11 * i;
    }
    ECB(0x504) = (uint32_t)block;
    uint32_t begun = us();
    ECB(0x000) = 1;
    while (!ECB(0x100)) {
    }
    result[3] = us() - begun;
    for (int i = 0; i < 4; i++) {
        result[4 + i] = *(uint32_t *)(block + 32 + 4 * i);
    }

    TEMP(0x000) = 1;
    while (!TEMP(0x100)) {
    }
    result[8] = TEMP(0x508);
    result[9] = REG(0x10000100);
    result[10] = REG(0x10000060);
    return 0;
}
