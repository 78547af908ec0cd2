// The RF core, a second processor with its own memory, and its mailbox ("doorbell"): power, boot, commands. What the
// commands of IEEE 802.15.4 do is in ieee_radio.c.
//
// Structures as the RF core reads and writes them (TI SWCU185 chapter 25): little endian, without padding, at addresses
// that are multiples of 4, in RAM.

#ifndef MICROBREW_CC2652_RF_CORE_H
#define MICROBREW_CC2652_RF_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RF_STRUCT __attribute__((packed, aligned(4)))

// Start and end triggers; in units of the radio timer where they take a time.
enum { TRIGGER_NOW = 0, TRIGGER_NEVER = 1, TRIGGER_AT = 2, TRIGGER_AFTER_START = 4, TRIGGER_IN_PAST = 0x80 };
// Whether the next operation of a chain runs.
enum { NEXT_ALWAYS = 0, NEXT_NEVER = 1, NEXT_IF_TRUE = 2 };
#define RAT_TICKS_PER_US 4

// Status of an operation. What the RF core has not finished is below RF_ENDED.
enum {
    RF_IDLE = 0x0000,
    RF_PENDING = 0x0001,
    RF_ACTIVE = 0x0002,
    RF_ENDED = 0x0400,
    RF_DONE_OK = 0x0400,
    IEEE_SUSPENDED = 0x2001,
    IEEE_ENDED = 0x2400,
    IEEE_DONE_OK = 0x2400,
    IEEE_DONE_BUSY = 0x2401,
    IEEE_DONE_STOPPED = 0x2402,
    IEEE_DONE_ACK = 0x2403,
    IEEE_DONE_ACKPEND = 0x2404,
    IEEE_DONE_TIMEOUT = 0x2405,
};

// What each operation begins with.
struct rf_operation {
    uint16_t number;
    volatile uint16_t status;
    struct rf_operation *next;
    uint32_t start_time;
    uint8_t start_trigger;
    uint8_t condition;
} __attribute__((packed, aligned(2))); // 14 bytes; what follows begins in the same word
_Static_assert(sizeof(struct rf_operation) == 14, "layout");

static inline bool rf_ended(uint16_t status) {
    return (status >= RF_ENDED && status < IEEE_SUSPENDED) || status >= IEEE_ENDED;
}

// Interrupt flags of the RF core, RFCPEIFG.
#define RF_FLAG_LAST_COMMAND_DONE (1u << 1)
#define RF_FLAG_LAST_FG_COMMAND_DONE (1u << 3)
#define RF_FLAG_TX_ACK (1u << 5)
#define RF_FLAG_RX_NOK (1u << 17)
#define RF_FLAG_RX_IGNORED (1u << 18)
#define RF_FLAG_RX_BUF_FULL (1u << 22)
#define RF_FLAG_RX_ENTRY_DONE (1u << 23)
#define RF_FLAG_BOOT_DONE (1u << 30)
#define RF_FLAG_INTERNAL_ERROR (1u << 31)

// Direct commands, without a structure.
#define RF_DIRECT(command, parameter) ((uint32_t)(command) << 16 | (uint32_t)(parameter) << 8 | 1)
#define CMD_ABORT RF_DIRECT(0x0401, 0)
#define CMD_STOP RF_DIRECT(0x0402, 0)
#define CMD_BUS_REQUEST RF_DIRECT(0x040E, 1)
#define CMD_IEEE_ABORT_FG RF_DIRECT(0x2401, 0)

// The step at which it failed, 0: none. A number that an error message can name.
enum rf_step {
    RF_OK,
    RF_STEP_CRYSTAL, // the 48 MHz crystal does not start
    RF_STEP_POWER, // no power in its domains
    RF_STEP_MODE, // this chip's RF core does not do IEEE 802.15.4
    RF_STEP_BOOT, // it does not boot
    RF_STEP_BUS, // it does not take the bus
    RF_STEP_TIMER, // its timer does not start
    RF_STEP_SETUP, // it refuses the radio's setup
    RF_STEP_TUNE, // the synthesizer does not lock
    RF_STEP_RECEIVE, // the receiver does not start
    RF_STEP_STOP, // the receiver does not stop
    RF_STEP_SCAN, // an energy scan does not end
};

// From no power to a running timer. Returns the step that failed.
enum rf_step rf_core_start(void);
void rf_core_stop(void);
// Its registers are there only while it has power.
bool rf_core_powered(void);

// Give it a structure or a direct command. True: accepted (CMDSTA says "done").
bool rf_core_send(uint32_t command);
// Give it an operation and wait for its end. True: it ended with `good`.
bool rf_core_run(struct rf_operation *operation, uint16_t good, uint32_t timeout_ms);
// Wait for the end of an operation that it has. False: not within `timeout_ms`.
bool rf_core_wait(const struct rf_operation *operation, uint32_t timeout_ms);

// The radio's clock: 4 MHz, wraps.
uint32_t rf_core_time(void);

// Flags that are set, now cleared: for the interrupt.
uint32_t rf_core_take_flags(void);

#endif
