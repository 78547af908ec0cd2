// Fed for a while, then not: the reset and its reason.
#include "start.h"

#define WDT(offset) REG(0x40010000 + (offset))
#define RESETREAS REG(0x40000400)

static volatile uint32_t starts __attribute__((section(".noinit")));
static volatile uint32_t warned __attribute__((section(".noinit")));

void irq16(void) {
    warned++;
    // The event stays, so does the interrupt: nothing else runs until the reset.
}

int main(void) {
    starts++;
    result[0] = starts;
    result[starts] = RESETREAS;
    RESETREAS = 0xFFFFFFFF;
    if (starts == 1) {
        WDT(0x504) = 327; // 10 ms
        WDT(0x508) = 3;
        WDT(0x304) = 1;
        REG(0xE000E100) = 1 << 16;
        WDT(0x000) = 1;
        REG(0x4001A508) = 3;
        REG(0x4001A000) = 1;
        for (int i = 0; i < 10; i++) {
            REG(0x4001A004) = 1; // each round 5 ms
            REG(0x4001A00C) = 1;
            REG(0x4001A000) = 1;
            do {
                REG(0x4001A040) = 1;
            } while (REG(0x4001A540) < 5000);
            WDT(0x600) = 0x6E524635;
            WDT(0x604) = 0x6E524635;
        }
        // It cannot be changed any more.
        WDT(0x504) = 0xFFFFFF;
        result[10] = WDT(0x400) << 16 | WDT(0x504);
        // One of two is not enough.
        for (;;) {
            WDT(0x600) = 0x6E524635;
        }
    }
    result[11] = warned > 0;
    result[12] = WDT(0x400);
    if (starts == 2) {
        REG(0xE000ED0C) = 0x05FA0004;
        for (;;) {
        }
    }
    return 0;
}
