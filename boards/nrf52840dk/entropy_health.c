// Cut-offs for a min-entropy of 4 bits in each sample, half of what a bias-corrected source should have, and a false
// alarm in 2^30 samples: repetition 1 + 30 / 4; adaptive proportion 1 + critbinom(512, 2^-4, 1 - 2^-30).

#include "entropy_health.h"

#include <string.h>

#define REPETITION_CUTOFF 9
#define WINDOW 512
#define PROPORTION_CUTOFF 71

void entropy_health_clear(struct entropy_health *health) {
    memset(health, 0, sizeof(*health));
}

bool entropy_health_take(struct entropy_health *health, uint8_t sample) {
    if (health->repetitions && sample == health->repeated) {
        health->repetitions++;
    } else {
        health->repeated = sample;
        health->repetitions = 1;
    }
    if (health->in_window == 0) {
        health->reference = sample;
        health->matches = 0;
    }
    health->matches += sample == health->reference;
    health->in_window = (health->in_window + 1) % WINDOW;
    if (health->repetitions >= REPETITION_CUTOFF || health->matches >= PROPORTION_CUTOFF) {
        health->failed = true;
    }
    return !health->failed;
}
