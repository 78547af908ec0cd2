// Unslotted CSMA-CA and retransmission as sums (IEEE 802.15.4 sections 6.2.5.1 and 6.7.4.3): how long to wait, and
// whether to go on. No registers, no clock; randomness comes from the caller.

#ifndef MB_CSMA_H
#define MB_CSMA_H

#include <stdbool.h>
#include <stdint.h>

// aUnitBackoffPeriod, 20 symbols of 16 us; macMinBe, macMaxBe and macMaxCsmaBackoffs by default.
#define MB_BACKOFF_US 320u
#define MB_MIN_BE 3u
#define MB_MAX_BE 5u
#define MB_MAX_BACKOFFS 4u

struct mb_csma {
    uint8_t exponent;
    uint8_t busy; // times that the channel was found busy in this attempt
    uint8_t retries; // attempts that may still follow this one
};

// Begin to send a frame that may be sent `retries` more times.
void mb_csma_begin(struct mb_csma *csma, unsigned retries);

// Before the channel is looked at: wait that many us.
uint32_t mb_csma_backoff_us(const struct mb_csma *csma, uint32_t random);

// The channel was busy. True: back off again.
bool mb_csma_again(struct mb_csma *csma);

// The frame was sent and not acknowledged. True: try again from the start.
bool mb_csma_retry(struct mb_csma *csma);

#endif
