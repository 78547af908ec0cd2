// Time since the start from TIMER4, which counts microseconds also while the processor sleeps, and no interrupt but
// those that somebody waits for. CC[0]: the counter for the processor; CC[1]: the end of a sleep.

#include "ticks_timer.h"

#include <stdbool.h>

#include "board.h"
#include "chip.h"
#include "radio_core.h"

#define TIMER_BASE 0x4001B000u
#define TIMER_IRQ 27u
#define TIMER_START REG32(TIMER_BASE + 0x000)
#define TIMER_CLEAR REG32(TIMER_BASE + 0x00C)
#define TIMER_CAPTURE0 REG32(TIMER_BASE + 0x040)
#define TIMER_COMPARE1 REG32(TIMER_BASE + 0x144)
#define TIMER_INTENSET REG32(TIMER_BASE + 0x304)
#define TIMER_INTENCLR REG32(TIMER_BASE + 0x308)
#define TIMER_INT_COMPARE1 (1u << 17)
#define TIMER_MODE REG32(TIMER_BASE + 0x504)
#define TIMER_BITMODE REG32(TIMER_BASE + 0x508)
#define TIMER_BITMODE_32 3u
#define TIMER_PRESCALER REG32(TIMER_BASE + 0x510)
#define TIMER_PRESCALER_1MHZ 4u
#define TIMER_CC(n) REG32(TIMER_BASE + 0x540 + 4 * (n))

// Often enough to see the counter wrap, which it does each 71 minutes.
#define LONGEST_SLEEP_MS 60000u
// A compare value nearer than this may be behind the counter before it is in force.
#define NEAR_US 8u

static uint64_t base; // us that went by in full turns of the counter
static uint32_t last;
static volatile bool woken;

void ticks_init(void) {
    TIMER_MODE = 0;
    TIMER_BITMODE = TIMER_BITMODE_32;
    TIMER_PRESCALER = TIMER_PRESCALER_1MHZ;
    TIMER_CLEAR = 1;
    TIMER_START = 1;
    NVIC_IPR(TIMER_IRQ) = PRIORITY(5);
    irq_enable(TIMER_IRQ);
}

void ticks_interrupt(void) {
    TIMER_COMPARE1 = 0;
    (void)TIMER_COMPARE1;
}

static uint64_t now_us(void) {
    uint32_t state = irq_save();
    TIMER_CAPTURE0 = 1;
    uint32_t now = TIMER_CC(0);
    if (now < last) {
        base += (uint64_t)1 << 32;
    }
    last = now;
    uint64_t us = base + now;
    irq_restore(state);
    return us;
}

uint32_t ticks_ms(void) {
    return (uint32_t)(now_us() / 1000);
}

uint32_t ticks_us(void) {
    return (uint32_t)now_us();
}

uint32_t ticks_cpu(void) {
    // The cycle counter stands still in sleep; this one does not, in steps of a microsecond.
    return (uint32_t)(now_us() * (BOARD_CLOCK_HZ / 1000000));
}

void ticks_wake(void) {
    woken = true;
}

// The radio core calls it from its interrupt, and must find it in RAM.
__attribute__((section(".ramcode"))) void mb_radio_news(void) {
    woken = true;
}

void ticks_wait(uint32_t timeout_ms) {
    uint32_t us = (timeout_ms < LONGEST_SLEEP_MS ? timeout_ms : LONGEST_SLEEP_MS) * 1000;
    uint32_t begin = ticks_us();
    TIMER_CC(1) = begin + us;
    TIMER_COMPARE1 = 0;
    TIMER_INTENSET = TIMER_INT_COMPARE1;
    // With interrupts off, so that none comes between the look at `woken` and the sleep; they still end it.
    uint32_t state = irq_save();
    if (!woken && us > NEAR_US && ticks_us() - begin < us - NEAR_US) {
        wait_for_interrupt();
    }
    woken = false;
    irq_restore(state);
    TIMER_INTENCLR = TIMER_INT_COMPARE1;
}
