// Time since the start from the real-time clock (AON_RTC), and no interrupt but those that somebody waits for: its
// channel 0 ends a sleep. It counts seconds and their 2**32nd parts from the 32768 Hz clock, so in steps of 30.5 us, and
// goes on where it was when the chip is reset.

#include "ticks_rtc.h"

#include <stdbool.h>

#include "board.h"
#include "chip.h"

// The clock as its compare registers have it: 65536 a second, which wraps after 18 hours.
#define UNITS(ms) (((ms) * 8192u + 124) / 125)
// Of which UNITS does not overflow.
#define LONGEST_SLEEP_MS 60000u

static uint64_t start;
static volatile bool woken;

static uint64_t units(void) {
    uint32_t seconds, parts;
    do {
        seconds = AON_RTC_SEC;
        parts = AON_RTC_SUBSEC;
        // Not if the second has changed between the two, whoever has read them meanwhile.
    } while (AON_RTC_SEC != seconds);
    return ((uint64_t)seconds << 16 | parts >> 16) - start;
}

void ticks_init(void) {
    AON_RTC_CHCTL = AON_RTC_CHCTL_CH0;
    AON_RTC_EVFLAGS = AON_RTC_EVFLAGS_CH0;
    AON_RTC_CTL = (AON_RTC_CTL & ~AON_RTC_CTL_COMBINED) | AON_RTC_CTL_COMBINED_CH0 | AON_RTC_CTL_ENABLE;
    start = units();
    irq_enable(AON_RTC_IRQ);
}

void ticks_interrupt(void) {
    AON_RTC_EVFLAGS = AON_RTC_EVFLAGS_CH0;
    // Answers when the write has arrived over there; until then the interrupt stays up.
    (void)AON_RTC_SYNC;
}

uint32_t ticks_ms(void) {
    return (uint32_t)(units() * 125 >> 13);
}

uint32_t ticks_us(void) {
    return (uint32_t)(units() * 15625 >> 10);
}

uint32_t ticks_cpu(void) {
    // The cycle counter stands still in sleep; this one does not, in the clock's steps.
    _Static_assert(BOARD_CLOCK_HZ == 65536ull * 46875 / 64, "clocks of a unit");
    return (uint32_t)(units() * 46875 >> 6);
}

void ticks_wake(void) {
    woken = true;
}

void ticks_wait(uint32_t timeout_ms) {
    // With interrupts off, so that none comes between the look at `woken` and the sleep; they still end it.
    uint32_t state = irq_save();
    if (!woken && timeout_ms) {
        // A value that has gone by less than a second ago is an event as well, so none is missed.
        AON_RTC_CH0CMP = AON_RTC_TIME + UNITS(timeout_ms < LONGEST_SLEEP_MS ? timeout_ms : LONGEST_SLEEP_MS);
        wait_for_interrupt();
    }
    woken = false;
    irq_restore(state);
}
