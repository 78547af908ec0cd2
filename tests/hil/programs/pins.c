// GPIO and GPIOTE.
#include "start.h"

#define P0(offset) REG(0x50000000 + (offset))
#define P1(offset) REG(0x50000300 + (offset))
#define GPIOTE(offset) REG(0x40006000 + (offset))

static volatile uint32_t edges;

void irq6(void) {
    GPIOTE(0x100) = 0;
    edges++;
}

int main(void) {
    P0(0x508) = 0xF << 13;
    P0(0x518) = 0xF << 13; // LEDs off
    P0(0x50C) = 1 << 14; // LED 2 on
    P0(0x700 + 4 * 11) = 0xC; // button 1: input with pull-up
    P1(0x518) = 1 << 2;
    P1(0x508) = 1 << 2;
    result[0] = P0(0x510) >> 11 & 1;
    result[1] = P0(0x504) >> 13 & 0xF;
    result[2] = P1(0x514);
    // Falling edges of button 1.
    GPIOTE(0x510) = 1 | 11 << 8 | 2 << 16;
    GPIOTE(0x304) = 1;
    REG(0xE000E100) = 1 << 6;
    while (edges < 2) {
        __asm volatile ("wfi");
    }
    result[3] = P0(0x510) >> 11 & 1;
    // A task toggles LED 1.
    GPIOTE(0x514) = 3 | 13 << 8 | 3 << 16 | 1 << 20;
    GPIOTE(0x004) = 1;
    result[4] = P0(0x504) >> 13 & 1;
    return 0;
}
