// The radio core: IEEE 802.15.4 at 2.4 GHz, 250 kbit/s, driven by interrupts. nrf52840_core.c implements it.
//
// Two machines. The transceiver's:
//
//             start                     back-off over                    idle      PHYEND
//    OFF ------------> LISTEN -------------------------> ASSESS (CCA) ---------> (sends) ------> LISTEN
//                      |  ^  ^                             | busy
//      END, for us and   |  |  +-----------------------------+
//      wants ACK         |  | PHYEND
//                      v  |
//                      ACK (timer starts the transmitter aTurnaroundTime after the frame's end)
//
//    LISTEN -- shortly before a given time --> TIMED -- PHYEND --> LISTEN
//    LISTEN -- mb_radio_energy() --> ENERGY -- EDEND --> LISTEN
//
// and that of the one frame that is being sent:
//
//            mb_radio_send            clear, sent                 ACK with its number
//    IDLE ---------------> BACKOFF ---------------> WAIT_ACK ---------------------------> done: MB_SENT
//                            ^   |  no ACK wanted: done: MB_SENT    | 864 us without
//                            |   | busy, 5th time: done: MB_BUSY    | no try left: done: MB_NO_ACK
//                            +---+--------------------------------+
//
// Every transition of the transceiver happens in the one interrupt DISABLED, each of the frame there or in the timer's;
// both have the same priority, so neither interrupts the other. Frames for this node wait in a pool that is made at
// start; a frame that finds it full is counted and not acknowledged, so its sender tries again.

#ifndef MB_RADIO_CORE_H
#define MB_RADIO_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame_filter.h"

#define MB_MAX_FRAME 125u // without FCS

enum mb_sent { MB_IDLE, MB_UNDER_WAY, MB_SENT, MB_NO_ACK, MB_BUSY, MB_MISSED };

// How mb_radio_send() goes about it.
enum mb_access {
    MB_ASSESS_ONCE, // one look at the channel, now; acknowledgements are the caller's affair
    MB_CSMA_CA, // CSMA-CA; if the frame asks for it, waits for its acknowledgement and sends again
};

struct mb_received {
    uint32_t time; // us of mb_radio_now() at the end of the frame
    int8_t rssi; // dBm
    uint8_t lqi;
};

struct mb_radio_counters {
    uint32_t received; // passed on
    uint32_t filtered; // for others
    uint32_t crc_errors;
    uint32_t overruns; // nobody had taken the frames before
    uint32_t acks; // sent
    uint32_t late_acks; // not sent, because the interrupt came too late for it
    uint32_t sent; // frames, without acknowledgements
    uint32_t retries;
    uint32_t busy; // looks at a busy channel
    uint32_t no_ack;
};

// Power up and listen. `seed`: random, for back-offs. False: the crystal oscillator does not run.
bool mb_radio_start(uint32_t seed);
void mb_radio_stop(void);

// Channel 11 to 26. `promiscuous`: pass on everything, acknowledge nothing.
void mb_radio_configure(unsigned channel, const struct mb_address *own, bool promiscuous);
void mb_radio_set_power(int dbm);

// Take a frame of 1 to MB_MAX_FRAME bytes to send. False: another one is under way.
bool mb_radio_send(const uint8_t *frame, size_t length, enum mb_access access, unsigned retries);
// Send so that the first bit of the preamble leaves at `time` of mb_radio_now(), whatever is on the channel: for a
// slotted MAC. False: another frame is under way, or the time is not between 0.5 ms and 1 s from now.
bool mb_radio_send_at(const uint8_t *frame, size_t length, uint32_t time);
// How it went. Stays what it was until the next frame.
enum mb_sent mb_radio_sent(void);

// Copy the oldest received frame to `frame`, which has room for MB_MAX_FRAME: its length, or 0.
size_t mb_radio_receive(uint8_t *frame, struct mb_received *how);
bool mb_radio_has_received(void);

// Measure `periods` (1 to 2^20) of 128 us on a channel; nothing is received meanwhile. False: not now.
bool mb_radio_energy(unsigned channel, uint32_t periods);
// False: still measuring. *dbm: the strongest of it.
bool mb_radio_energy_result(int *dbm);

const struct mb_radio_counters *mb_radio_counters(void);

// A clock of microseconds that wraps at 32 bits.
uint32_t mb_radio_now(void);

// Makes the enhanced acknowledgement of a version 2 frame, from the interrupt: writes up to 125 bytes without FCS to
// `ack` and returns their number; 0: do not acknowledge. About 80 us of time. Without a hook such frames are passed on
// and not acknowledged.
typedef unsigned (*mb_enhanced_ack)(const uint8_t *frame, unsigned length, uint8_t *ack);
void mb_radio_set_enhanced_ack(mb_enhanced_ack hook);

// Called from interrupts when something has been received or sent; a port that sleeps defines it to wake up.
void mb_radio_news(void);

#endif
