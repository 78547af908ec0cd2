// The IEEE 802.15.4 radio of the RF core: it filters, acknowledges, backs off, waits for acknowledgements by itself. In
// the background it receives into a ring of buffers; what is sent goes in the foreground as the chain CSMA, TX, RX_ACK.
// Everything here is called from the interpreter, nothing from an interrupt but ieee_radio_interrupt().

#ifndef MICROBREW_CC2652_IEEE_RADIO_H
#define MICROBREW_CC2652_IEEE_RADIO_H

#include "rf_core.h"

#define IEEE_MAX_FRAME 125 // without FCS
#define IEEE_NO_ADDRESS 0xFFFF

enum ieee_outcome {
    IEEE_UNDER_WAY,
    IEEE_SENT, // and acknowledged, if that was asked for
    IEEE_NO_ACK, // to none of the tries
    IEEE_BUSY, // the channel was not clear at any of the tries of CSMA-CA; nothing was sent
    IEEE_FAILED, // the RF core did not do it; it has been started anew
};

struct ieee_received {
    int8_t rssi; // dBm
    uint8_t lqi; // 0..255
    uint32_t timestamp; // radio's clock, 4 MHz, at the end of the start-of-frame delimiter
};

struct ieee_counters {
    uint32_t received; // handed up
    uint32_t crc; // frames with a bad FCS
    uint32_t ignored; // frames that the filter turned away
    uint32_t overruns; // frames lost because the ring was full
    uint32_t acks; // acknowledgements that the RF core sent
    uint32_t tries; // chains given to the RF core
    uint32_t restarts; // the RF core was started anew because it failed
};

// Power up and listen on a channel. Each call begins from anew.
enum rf_step ieee_radio_start(uint64_t eui64, uint8_t channel);
void ieee_radio_stop(void);
// Between the two; what follows may be called only then.
bool ieee_radio_running(void);

// 11..26. Frames of the old channel that nobody has fetched are dropped.
enum rf_step ieee_radio_tune(uint8_t channel);
// Without a PAN (IEEE_NO_ADDRESS) every frame is received and none acknowledged.
enum rf_step ieee_radio_filter(uint16_t pan_id, uint16_t short_address);

// Begin to send frame and FCS, `retries` more times if it asks for an acknowledgement and none comes. False: the one
// before is still under way.
bool ieee_radio_send(const uint8_t *frame, size_t length, unsigned retries);
// How the last one went. Ask again: it is this that sends the retries.
enum ieee_outcome ieee_radio_outcome(void);

// A frame waits. Safe at any time.
bool ieee_radio_pending(void);
// The oldest frame, at most IEEE_MAX_FRAME bytes: its length, or 0 for none.
size_t ieee_radio_receive(uint8_t *frame, struct ieee_received *about);

// The strongest signal on a channel within a time, in dBm. Nothing is received meanwhile.
enum rf_step ieee_radio_energy(uint8_t channel, uint32_t duration_ms, int8_t *rssi);

void ieee_radio_count(struct ieee_counters *counters);
void ieee_radio_interrupt(void);

#endif
