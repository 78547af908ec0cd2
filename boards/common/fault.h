// The report of a fault on the console, and why the board started.

#ifndef MICROBREW_FAULT_H
#define MICROBREW_FAULT_H

enum reset_cause { RESET_POWER_ON = 1, RESET_SOFTWARE, RESET_FAULT, RESET_WATCHDOG };

// In the vector table for everything that must not happen.
void fault_handler(void);

// Remember the cause and reset.
__attribute__((noreturn)) void reset_because(enum reset_cause cause);

// Once, at start: the cause that was remembered.
void reset_cause_init(void);
enum reset_cause reset_cause(void);

#endif
