// The continuous health tests of NIST SP 800-90B section 4.4 on samples of 8 bits.

#ifndef MICROBREW_ENTROPY_HEALTH_H
#define MICROBREW_ENTROPY_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct entropy_health {
    uint8_t repeated; // the sample that repeats now
    uint8_t reference; // the one counted in this window
    uint16_t repetitions;
    uint16_t in_window;
    uint16_t matches;
    bool failed; // for good, until cleared
};

// Before the first sample, and to give a source that failed another chance.
void entropy_health_clear(struct entropy_health *health);

// False: this sample shows that the source is broken; so will all after it.
bool entropy_health_take(struct entropy_health *health, uint8_t sample);

#endif
