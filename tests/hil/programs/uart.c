// Both faces of the UART: a legacy echo on UART 0 until '.', then the same by DMA on UARTE1 with double buffering.
#include "start.h"

#define UART(offset) REG(0x40002000 + (offset))
#define UARTE(offset) REG(0x40028000 + (offset))

static uint8_t in[2][4];
static uint8_t out[4];

static uint32_t us(void) {
    REG(0x4001A040) = 1;
    return REG(0x4001A540);
}

int main(void) {
    REG(0x4001A508) = 3;
    REG(0x4001A000) = 1;

    UART(0x50C) = 6;
    UART(0x514) = 8;
    UART(0x524) = 0x01D7E000;
    UART(0x500) = 4;
    UART(0x000) = 1;
    UART(0x008) = 1;
    uint32_t begun = us();
    uint8_t byte;
    do {
        while (!UART(0x108)) {
        }
        UART(0x108) = 0;
        byte = UART(0x518);
        UART(0x51C) = byte;
        while (!UART(0x11C)) {
        }
        UART(0x11C) = 0;
    } while (byte != '.');
    result[0] = us() - begun;

    UARTE(0x524) = 0x0F000000; // 921600
    UARTE(0x500) = 8;
    UARTE(0x534) = (uint32_t)in[0];
    UARTE(0x538) = 4;
    UARTE(0x200) = 1 << 5; // ENDRX starts anew, with what PTR is then
    UARTE(0x000) = 1;
    UARTE(0x534) = (uint32_t)in[1];
    for (int half = 0; half < 2; half++) {
        while (!UARTE(0x110)) {
        }
        UARTE(0x110) = 0;
        result[1 + half] = UARTE(0x53C);
        for (int i = 0; i < 4; i++) {
            out[i] = in[half][i];
        }
        UARTE(0x544) = (uint32_t)out;
        UARTE(0x548) = 4;
        UARTE(0x120) = 0;
        begun = us();
        UARTE(0x008) = 1;
        while (!UARTE(0x120)) {
        }
        result[3 + half] = us() - begun;
        result[5 + half] = UARTE(0x54C);
    }
    // STOPRX ends the reception that is under way, then says so.
    UARTE(0x200) = 0;
    UARTE(0x004) = 1;
    while (!UARTE(0x144)) {
    }
    result[7] = UARTE(0x110) << 8 | UARTE(0x53C);
    return 0;
}
