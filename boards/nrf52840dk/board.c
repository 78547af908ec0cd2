// Start-up of the chip, interrupt vectors, reset cause, identity, watchdog.

#include "board.h"

#include <string.h>

#include "chip.h"
#include "flash.h"
#include "ticks_timer.h"
#include "uarte.h"

#define VECTORS 64 // 16 of the processor, 48 of the chip: a power of two
#define HFXO_PATIENCE 1000000

void RADIO_IRQHandler(void);
void TIMER3_IRQHandler(void);

// A copy in RAM, so that the radio is served while the flash is being written or erased.
static const void *vectors_ram[VECTORS] __attribute__((aligned(VECTORS * 4)));

static uint32_t reset_reason;

static void start_clocks(void) {
    // The crystal oscillator, for good: the radio must have it, and the ticks are as right as it is.
    CLOCK_HFCLKSTARTED = 0;
    CLOCK_HFCLKSTART = 1;
    for (int i = 0; i < HFXO_PATIENCE && !CLOCK_HFCLKSTARTED; i++) {
    }
    // For the watchdog. Its crystal takes up to half a second, which nobody waits for.
    CLOCK_LFCLKSRC = CLOCK_LFCLKSRC_XTAL;
    CLOCK_LFCLKSTART = 1;
}

void board_init(void) {
    #if !MICROBREW_RELEASE
    // Chips of revision 3 close their debug port at each reset unless UICR and software both say otherwise.
    APPROTECT_DISABLE = APPROTECT_DISABLE_SW;
    #endif
    reset_reason = POWER_RESETREAS;
    POWER_RESETREAS = 0xFFFFFFFF; // else they add up
    NVMC_ICACHECNF = 1;
    POWER_DCDCEN = 1; // the DK has its inductor
    start_clocks();
    memcpy(vectors_ram, (const void *)SCB_VTOR, sizeof(vectors_ram));
    SCB_VTOR = (uint32_t)vectors_ram;
    __asm volatile ("dsb; isb" ::: "memory");
}

size_t board_heap_size(size_t room) {
    #ifdef BOARD_HEAP
    return BOARD_HEAP < room ? BOARD_HEAP : room;
    #else
    return room;
    #endif
}

enum reset_cause board_reset_cause(void) {
    if (reset_reason & POWER_RESETREAS_DOG) {
        return RESET_WATCHDOG;
    }
    if (reset_reason & POWER_RESETREAS_LOCKUP) {
        return RESET_FAULT;
    }
    if (reset_reason & POWER_RESETREAS_SREQ) {
        return RESET_SOFTWARE;
    }
    // No bit: power came. By pin: somebody pressed the button, which for a device is the same.
    return RESET_POWER_ON;
}

void board_unique_id(uint8_t id[8]) {
    // 64 random bits of the factory's. Read as an EUI-64: local, not a group.
    uint32_t words[2] = {FICR_DEVICEID(1), FICR_DEVICEID(0)};
    for (int i = 0; i < 8; i++) {
        id[i] = (uint8_t)(words[i / 4] >> (24 - 8 * (i % 4)));
    }
    id[0] = (id[0] & 0xFC) | 0x02;
}

bool board_watchdog_start(uint32_t timeout_ms) {
    if (timeout_ms > UINT32_MAX / 33) {
        return false;
    }
    if (WDT_RUNSTATUS) {
        // Only a reset changes it.
        WDT_RR0 = WDT_RELOAD;
        return true;
    }
    uint32_t periods = (uint32_t)((uint64_t)timeout_ms * 32768 / 1000);
    WDT_CONFIG = WDT_CONFIG_RUN_IN_SLEEP;
    WDT_CRV = periods < 15 ? 15 : periods;
    WDT_RREN = 1;
    WDT_INTENSET = 1;
    NVIC_IPR(WDT_IRQ) = PRIORITY(0);
    irq_enable(WDT_IRQ);
    WDT_START = 1;
    return true;
}

void board_watchdog_feed(void) {
    WDT_RR0 = WDT_RELOAD;
}

__attribute__((section(".vectors_board"), used)) static void (*const vectors_board[VECTORS - 16])(void) = {
    [1] = RADIO_IRQHandler,
    [2] = uarte0_interrupt,
    [WDT_IRQ] = fault_handler,
    [26] = TIMER3_IRQHandler,
    [27] = ticks_interrupt,
    [40] = uarte1_interrupt,
};
