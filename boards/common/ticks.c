#include "ticks.h"

#include "board.h"
#include "cortexm.h"

#define CLOCKS_PER_MS (BOARD_CLOCK_HZ / 1000)

static volatile uint32_t milliseconds;
static uint32_t step = 1;

void ticks_init(void) {
    SYST_RVR = CLOCKS_PER_MS - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_ENABLE | SYST_CSR_TICKINT | SYST_CSR_CLKSOURCE;
}

void ticks_shift(uint32_t start_ms, uint32_t ms_per_tick) {
    milliseconds = start_ms;
    step = ms_per_tick;
}

void systick_handler(void) {
    milliseconds += step;
}

uint32_t ticks_ms(void) {
    return milliseconds;
}

// Both at one moment: the counter may wrap between the two reads, with the interrupt pending.
static uint32_t now(uint32_t *clocks) {
    uint32_t state = irq_save();
    uint32_t ms = milliseconds;
    uint32_t value = SYST_CVR;
    if (SCB_ICSR & SCB_ICSR_PENDSTSET) {
        ms += step;
        value = SYST_CVR;
    }
    irq_restore(state);
    *clocks = CLOCKS_PER_MS - 1 - value;
    return ms;
}

void ticks_wait(uint32_t timeout_ms) {
    // SysTick ends each wait within a millisecond, so no timeout has to be set.
    wait_for_interrupt();
}

uint32_t ticks_us(void) {
    uint32_t clocks;
    uint32_t ms = now(&clocks);
    return ms * 1000 + clocks / (CLOCKS_PER_MS / 1000);
}

uint32_t ticks_cpu(void) {
    uint32_t clocks;
    uint32_t ms = now(&clocks);
    return ms * CLOCKS_PER_MS + clocks;
}
