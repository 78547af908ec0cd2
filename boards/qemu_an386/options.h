// What the one who starts the emulator chooses, as words NAME=VALUE of the semihosting command line:
//
//   flash=PATH   host file that keeps the store; made if it is not there. Without: the store forgets with the emulator
//   heap=BYTES   Python heap, 16384 or more
//   seed=N       os.urandom repeats from run to run. FOR MEASUREMENTS ONLY, and not in a release image
//   cut=N        power fails in the middle of the N-th flash operation: the emulator ends with status 86
//   after=N      power fails right after the N-th flash operation, before the firmware goes on; the same status
//   uptime=MS    the clock starts there and not at 0: near its wrap, for example
//   speed=N      each millisecond counts for N, but not for the watchdog and the processor: a day in minutes

#ifndef MICROBREW_OPTIONS_H
#define MICROBREW_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

void options_init(void);
// Zero-terminated, or NULL.
const char *option_text(const char *name);
bool option_number(const char *name, uint32_t *value);

#endif
