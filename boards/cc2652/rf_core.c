#include "rf_core.h"

#include "chip.h"
#include "ti_sdk.h"
#include "ticks.h"

#define CMD_SYNC_START_RAT 0x080A

// All protocols, which the patch of ti_sdk.h is for.
#define MODE_MULTIPLE 5u

#define CRYSTAL_MS 20
#define POWER_MS 5
#define BOOT_MS 20
#define ANSWER_MS 5
#define RAT_START_MS 10

#define CMDSTA_DONE 0x01

static struct {
    struct rf_operation head;
    uint16_t reserved;
    uint32_t rat0;
} RF_STRUCT start_rat = {.head = {.number = CMD_SYNC_START_RAT, .condition = NEXT_NEVER}};
_Static_assert(sizeof(start_rat) == 20, "layout");

// Waits `timeout_ms` at most for a condition; whether it came to be.
#define AWAIT(condition, timeout_ms) \
    ({ \
        uint32_t since_ = ticks_ms(); \
        bool met_; \
        while (!(met_ = (condition)) && ticks_ms() - since_ <= (timeout_ms)) { \
        } \
        met_; \
    })

bool rf_core_powered(void) {
    return (PRCM_PDSTAT0RFC & 1) && (PRCM_PDSTAT1RFC & 1);
}

bool rf_core_send(uint32_t command) {
    if (!rf_core_powered() || !AWAIT(RFC_CMDR == 0, ANSWER_MS)) {
        return false;
    }
    RFC_RFACKIFG = 0;
    // What the structure holds must be in memory before the RF core looks.
    __asm volatile ("dsb" ::: "memory");
    RFC_CMDR = command;
    if (!AWAIT(RFC_RFACKIFG != 0, ANSWER_MS)) {
        return false;
    }
    RFC_RFACKIFG = 0;
    return (RFC_CMDSTA & 0xff) == CMDSTA_DONE;
}

bool rf_core_wait(const struct rf_operation *operation, uint32_t timeout_ms) {
    return AWAIT(rf_ended(operation->status), timeout_ms);
}

bool rf_core_run(struct rf_operation *operation, uint16_t good, uint32_t timeout_ms) {
    operation->status = RF_IDLE;
    return rf_core_send((uint32_t)operation) && rf_core_wait(operation, timeout_ms) && operation->status == good;
}

static bool load_clocks(void) {
    PRCM_CLKLOADCTL = PRCM_CLKLOADCTL_LOAD;
    return AWAIT(PRCM_CLKLOADCTL & PRCM_CLKLOADCTL_LOAD_DONE, POWER_MS);
}

enum rf_step rf_core_start(void) {
    if (!ti_sdk_crystal_on(CRYSTAL_MS)) {
        return RF_STEP_CRYSTAL;
    }
    AON_RTC_CTL |= AON_RTC_CTL_UPDATES;
    if (!(PRCM_RFCMODEHWOPT & 1u << MODE_MULTIPLE)) {
        return RF_STEP_MODE;
    }
    // Read by the RF core when it boots.
    PRCM_RFCMODESEL = MODE_MULTIPLE;
    PRCM_PDCTL0RFC = 1;
    PRCM_PDCTL1RFC = 1;
    if (!AWAIT(rf_core_powered(), POWER_MS)) {
        return RF_STEP_POWER;
    }
    PRCM_RFCCLKG = 1;
    if (!load_clocks()) {
        return RF_STEP_POWER;
    }
    RFC_RFHWIEN = 0;
    RFC_RFCPEIEN = 0;
    RFC_RFCPEISL = 0;
    RFC_PWMCLKEN = RFC_PWMCLKEN_ALL;
    if (!AWAIT(RFC_RFCPEIFG & RF_FLAG_BOOT_DONE, BOOT_MS)) {
        return RF_STEP_BOOT;
    }
    RFC_RFCPEIFG = 0;
    ti_sdk_patch_rf_core();
    // Our structures are in the system's RAM.
    if (!rf_core_send(CMD_BUS_REQUEST)) {
        return RF_STEP_BUS;
    }
    start_rat.rat0 = 0;
    return rf_core_run(&start_rat.head, RF_DONE_OK, RAT_START_MS) ? RF_OK : RF_STEP_TIMER;
}

void rf_core_stop(void) {
    irq_disable(RFC_CPE0_IRQ);
    if (rf_core_powered()) {
        RFC_PWMCLKEN = 0;
    }
    PRCM_RFCCLKG = 0;
    load_clocks();
    PRCM_PDCTL0RFC = 0;
    PRCM_PDCTL1RFC = 0;
    (void)AWAIT(!(PRCM_PDSTAT0RFC & 1) && !(PRCM_PDSTAT1RFC & 1), POWER_MS);
}

uint32_t rf_core_time(void) {
    return rf_core_powered() ? RFC_RATCNT : 0;
}

uint32_t rf_core_take_flags(void) {
    // Writing zeros clears; what comes in between stays.
    uint32_t flags = RFC_RFCPEIFG;
    RFC_RFCPEIFG = ~flags;
    return flags;
}
