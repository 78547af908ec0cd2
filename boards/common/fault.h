// The report of a fault on the console, and why the board started.

#ifndef MICROBREW_FAULT_H
#define MICROBREW_FAULT_H

#include <stdint.h>

enum reset_cause { RESET_POWER_ON = 1, RESET_SOFTWARE, RESET_FAULT, RESET_WATCHDOG };

// In the vector table for everything that must not happen.
void fault_handler(void);

// Remember the cause and reset.
__attribute__((noreturn)) void reset_because(enum reset_cause cause);

// Of the last fault: exception number, where it was (0: its stack was gone), fault status and address.
struct fault_record {
    uint32_t exception, pc, lr, cfsr, hfsr, address;
};

// The record that the run before this one left, or NULL.
const struct fault_record *fault_kept(void);

// Once, at start: the cause that was remembered.
void reset_cause_init(void);
enum reset_cause reset_cause(void);

#endif
