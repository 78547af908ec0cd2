// SysTick, WFI and the event register, against the cycle counter.
#include "start.h"

#define CYCLES REG(0xE0001004)

static volatile uint32_t ticks;

void systick(void) {
    ticks++;
}

int main(void) {
    REG(0xE000EDFC) = 1 << 24;
    REG(0xE0001000) = 1;
    REG(0xE000E014) = 64000 - 1;
    REG(0xE000E018) = 0;
    REG(0xE000E010) = 7;
    uint32_t begun = CYCLES;
    while (ticks < 10) {
        __asm volatile ("wfi");
    }
    result[0] = CYCLES - begun;

    // An event that was sent before is not waited for.
    __asm volatile ("sev; wfe");
    begun = CYCLES;
    __asm volatile ("sev; wfe");
    result[1] = CYCLES - begun;
    // The next one is the tick.
    __asm volatile ("wfe");
    result[2] = ticks;

    // A masked interrupt wakes and waits.
    __asm volatile ("cpsid i; wfi");
    result[3] = ticks;
    __asm volatile ("cpsie i; nop");
    result[4] = ticks;
    REG(0xE000E010) = 0;

    begun = CYCLES;
    for (volatile int i = 0; i < 1000; i++) {
    }
    result[5] = CYCLES - begun;
    return 0;
}
