// Clocks, TIMER, RTC, PPI, EGU, GPIOTE: who triggers whom, and when.
#include "start.h"

#define CLOCK(offset) REG(0x40000000 + (offset))
#define TIMER(n, offset) REG(0x40008000 + 0x1000 * (n) + (offset))
#define TIMER3(offset) REG(0x4001A000 + (offset))
#define RTC0(offset) REG(0x4000B000 + (offset))
#define EGU0(offset) REG(0x40014000 + (offset))
#define PPI(offset) REG(0x4001F000 + (offset))

static volatile uint32_t compared;

void irq8(void) {
    TIMER(0, 0x140) = 0;
    compared++;
}

static uint32_t capture(void) {
    TIMER3(0x54) = 1; // CAPTURE[5]
    return TIMER3(0x554);
}

int main(void) {
    // A clock of 1 us.
    TIMER3(0x508) = 3;
    TIMER3(0x510) = 4;
    TIMER3(0x000) = 1;

    // The crystal.
    result[0] = CLOCK(0x40C);
    uint32_t begun = capture();
    CLOCK(0x000) = 1;
    while (!CLOCK(0x100)) {
    }
    result[1] = capture() - begun;
    result[2] = CLOCK(0x40C);

    // TIMER0 at 16 MHz in 16 bits: compare interrupts each 100 us, cleared by a short.
    TIMER(0, 0x510) = 0;
    TIMER(0, 0x540) = 1600;
    TIMER(0, 0x200) = 1;
    TIMER(0, 0x304) = 1 << 16;
    REG(0xE000E100) = 1 << 8;
    begun = capture();
    TIMER(0, 0x000) = 1;
    while (compared < 10) {
        __asm volatile ("wfi");
    }
    result[3] = capture() - begun;
    TIMER(0, 0x004) = 1;
    TIMER(0, 0x200) = 0;

    // RTC0 without prescaler: COMPARE[1] at tick 328 (10.01 ms) captures TIMER3 by the PPI, without interrupt.
    PPI(0x510) = 0x4000B144;
    PPI(0x514) = 0x4001A048; // CAPTURE[2]
    PPI(0x504) = 1;
    RTC0(0x544) = 328;
    RTC0(0x344) = 1 << 17;
    begun = capture();
    RTC0(0x000) = 1;
    while (!RTC0(0x144)) {
    }
    result[4] = TIMER3(0x548) - begun;
    result[5] = RTC0(0x504);

    // A compare event that is not enabled does not come.
    result[6] = RTC0(0x140);

    // TIMER1 counts what EGU0 triggers, by a group of the PPI that is enabled by a task.
    TIMER(1, 0x504) = 1;
    TIMER(1, 0x508) = 3;
    TIMER(1, 0x000) = 1;
    PPI(0x518) = 0x40014108; // EGU0 TRIGGERED[2]
    PPI(0x51C) = 0x40009008; // TIMER1 COUNT
    PPI(0x804) = 1 << 1;
    EGU0(0x008) = 1;
    PPI(0x008) = 1; // CHG[1] EN
    EGU0(0x008) = 1;
    EGU0(0x008) = 1;
    PPI(0x00C) = 1; // CHG[1] DIS
    EGU0(0x008) = 1;
    TIMER(1, 0x040) = 1;
    result[7] = TIMER(1, 0x540);

    // A 24-bit counter wraps; compare in the past comes only after that.
    TIMER(2, 0x508) = 2;
    TIMER(2, 0x510) = 0;
    TIMER(2, 0x000) = 1;
    for (volatile int i = 0; i < 100; i++) {
    }
    TIMER(2, 0x540) = 1;
    result[8] = TIMER(2, 0x140);
    return 0;
}
