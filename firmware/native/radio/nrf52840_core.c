// The radio core on the nRF52840: RADIO, TIMER3 (a clock of 1 MHz) and PPI channels 0 to 3. States: radio_core.h.
//
// TIMER3: CC[0] starts the transmitter at a given time (PPI 0); CC[1] has the moment after the PHR (PPI 1), CC[2] the
// end of the frame, received (PPI 2) or sent (PPI 3); CC[3] is the MAC's timer, the only one that interrupts; CC[5] is
// read.
//
// All that the interrupts run is in RAM and calls nothing in flash, so an acknowledgement is on time while a page is
// erased.

#include "radio_core.h"

#include "csma.h"
#include "errata.h"
#include "nrf52840_registers.h"
#include "ramcode.h"

#define RX_BUFFERS 8u // a power of two; one of them is always the receiver's
#define PRIORITY_HIGH (1u << 5)

#define TURNAROUND_US 192u // aTurnaroundTime
#define RAMP_UP_US 40u // from TXEN to the first bit, MODECNF0.RU fast
// macAckWaitDuration is 864 us from the end of what was sent to the end of the acknowledgement; some for our own pace.
#define ACK_WAIT_US (864u + END_LATENCY_US + 40u)
// An acknowledgement whose PHR was there in time ends that much later at most.
#define ACK_LEFT_US 400u
#define PREPARE_US 300u // before a given time the receiver is left
#define SOON_US 8u // a compare value nearer than this might be behind the counter before it is in force

enum { PPI_START_TX, PPI_FRAMESTART, PPI_END, PPI_PHYEND };
enum { CC_START_TX, CC_FRAMESTART, CC_END, CC_MAC, CC_UNUSED, CC_NOW };

enum phase { OFF, LISTEN, ACKNOWLEDGE, ASSESS, TIMED, ENERGY };
enum purpose { NOTHING, BACKOFF, WAIT_ACK, PREPARE };

// As the DMA sees a frame: PHR, PSDU without FCS; in the place of a received FCS the link quality.
struct buffer {
    uint8_t bytes[1 + 127 + 1];
    int8_t rssi;
    uint32_t time;
};

static struct buffer pool[RX_BUFFERS];
static volatile uint32_t head; // written by the interrupt: the receiver's buffer
static volatile uint32_t tail; // written by the reader: the oldest frame

static uint8_t outgoing[1 + 127];
static uint8_t acknowledgement[1 + 127];

static volatile enum phase phase;
static volatile enum purpose purpose;
static volatile enum mb_sent sent;
static volatile bool energy_done;
static int8_t energy_dbm;

static uint8_t channel = 11;
static struct mb_address own = {MB_NO_PAN, MB_NO_SHORT, {0}};
static bool promiscuous;
static struct mb_csma csma;
static enum mb_access access_mode;
static bool wants_ack;
static bool waited_longer;
static uint32_t send_time;
static uint32_t random_state;
static mb_enhanced_ack enhanced_ack;
static struct mb_radio_counters counters;

__attribute__((weak)) void mb_radio_news(void) {
}

MB_RAMCODE static inline uint32_t lock(void) {
    uint32_t state;
    __asm volatile ("mrs %0, primask\n cpsid i" : "=r" (state) :: "memory");
    return state;
}

MB_RAMCODE static inline void unlock(uint32_t state) {
    __asm volatile ("msr primask, %0" :: "r" (state) : "memory");
}

MB_RAMCODE static inline uint32_t now(void) {
    TIMER3_CAPTURE(CC_NOW) = 1;
    return TIMER3_CC(CC_NOW);
}

// Marsaglia's xorshift32: back-offs have to differ between nodes, not to be secret.
MB_RAMCODE static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state >> 8;
}

MB_RAMCODE static void set_timer(enum purpose why, uint32_t time) {
    purpose = why;
    uint32_t soonest = now() + SOON_US;
    TIMER3_CC(CC_MAC) = (int32_t)(time - soonest) < 0 ? soonest : time;
    TIMER3_COMPARE(CC_MAC) = 0;
    TIMER3_INTENSET = TIMER3_INT_COMPARE(CC_MAC);
}

MB_RAMCODE static void done(enum mb_sent how) {
    purpose = NOTHING;
    TIMER3_INTENCLR = TIMER3_INT_COMPARE(CC_MAC);
    sent = how;
    mb_radio_news();
}

// Stop whatever the transceiver does, without its interrupt.
MB_RAMCODE static void leave(void) {
    RADIO_INTENCLR = RADIO_INT_DISABLED;
    RADIO_SHORTS = 0;
    PPI_CHENCLR = 1u << PPI_START_TX;
    if (RADIO_STATE != 0) {
        RADIO_EVENT_DISABLED = 0;
        RADIO_DISABLE = 1;
        // Within a microsecond from reception, 21 from transmission.
        for (unsigned i = 0; i < 4000 && !RADIO_EVENT_DISABLED; i++) {
        }
    }
    RADIO_EVENT_DISABLED = 0;
    (void)RADIO_EVENT_DISABLED;
}

// From here on with the transceiver disabled.

MB_RAMCODE static void go(enum phase next, const uint8_t *buffer, uint32_t shorts) {
    phase = next;
    RADIO_EVENT_END = 0;
    RADIO_EVENT_CRCOK = 0;
    RADIO_EVENT_FRAMESTART = 0;
    RADIO_EVENT_CCABUSY = 0;
    RADIO_EVENT_PHYEND = 0;
    RADIO_EVENT_DISABLED = 0;
    RADIO_PACKETPTR = (uint32_t)buffer;
    RADIO_SHORTS = shorts;
    RADIO_INTENSET = RADIO_INT_DISABLED;
}

MB_RAMCODE static void listen(void) {
    RADIO_FREQUENCY = 5u * (channel - 10u);
    go(LISTEN, pool[head % RX_BUFFERS].bytes,
        SHORT_RXREADY_START | SHORT_ADDRESS_RSSISTART | SHORT_END_DISABLE | SHORT_DISABLED_RSSISTOP);
    RADIO_RXEN = 1;
}

MB_RAMCODE static void assess(void) {
    go(ASSESS, outgoing, SHORT_RXREADY_CCASTART | SHORT_CCAIDLE_TXEN | SHORT_CCABUSY_DISABLE | SHORT_TXREADY_START
        | SHORT_PHYEND_DISABLE);
    RADIO_RXEN = 1;
}

// Have the hardware start the transmitter at `time`. False: too late.
MB_RAMCODE static bool start_at(enum phase next, const uint8_t *buffer, uint32_t time) {
    TIMER3_CC(CC_START_TX) = time;
    go(next, buffer, SHORT_TXREADY_START | SHORT_PHYEND_DISABLE);
    PPI_CHENSET = 1u << PPI_START_TX;
    if ((int32_t)(time - now()) > 1) {
        return true;
    }
    PPI_CHENCLR = 1u << PPI_START_TX;
    // It may just have been in time all the same.
    if (RADIO_STATE != 0) {
        return true;
    }
    RADIO_INTENCLR = RADIO_INT_DISABLED;
    return false;
}

MB_RAMCODE static void back_off(void) {
    set_timer(BACKOFF, now() + mb_csma_backoff_us(&csma, next_random()));
}

MB_RAMCODE static void was_busy(void) {
    counters.busy++;
    if (access_mode == MB_CSMA_CA && mb_csma_again(&csma)) {
        back_off();
    } else {
        done(MB_BUSY);
    }
}

// What to send in answer to a frame, in `acknowledgement`. False: nothing.
MB_RAMCODE static bool make_ack(const uint8_t *frame, unsigned length, unsigned verdict) {
    if (verdict & MB_ACKNOWLEDGE) {
        acknowledgement[0] = 5;
        acknowledgement[1] = 0x02;
        acknowledgement[2] = 0x00; // frame pending 0: there is no indirect transmission
        acknowledgement[3] = frame[2];
        return true;
    }
    if ((verdict & MB_ACKNOWLEDGE_ENHANCED) && enhanced_ack) {
        unsigned made = enhanced_ack(frame, length, acknowledgement + 1);
        acknowledgement[0] = (uint8_t)(made + 2);
        return made >= 2 && made <= MB_MAX_FRAME;
    }
    return false;
}

MB_RAMCODE static void received(void) {
    struct buffer *buffer = &pool[head % RX_BUFFERS];
    uint32_t end = TIMER3_CC(CC_END) - END_LATENCY_US;
    unsigned length = buffer->bytes[0];
    if (!RADIO_EVENT_CRCOK || length < 5 || length > 127) {
        counters.crc_errors++;
        listen();
        return;
    }
    length -= 2;
    const uint8_t *frame = buffer->bytes + 1;
    unsigned verdict = mb_frame_filter(frame, length, &own);
    if (promiscuous) {
        verdict = MB_PASS | (verdict & MB_IS_ACK);
    }
    if (verdict & MB_IS_ACK) {
        // It names nobody: it is ours if it fits what was sent last.
        bool fits = wants_ack && length == 3 && frame[2] == outgoing[3];
        verdict = fits || promiscuous ? MB_PASS : 0;
        if (fits && purpose == WAIT_ACK) {
            done(MB_SENT);
        }
    }
    if (!verdict) {
        counters.filtered++;
        listen();
        return;
    }
    if (head + 1 - tail >= RX_BUFFERS) {
        counters.overruns++;
        listen();
        return;
    }
    bool answering = make_ack(frame, length, verdict);
    if (answering && !start_at(ACKNOWLEDGE, acknowledgement, end + TURNAROUND_US - RAMP_UP_US)) {
        counters.late_acks++;
        answering = false;
    }
    counters.acks += answering;
    buffer->time = end;
    buffer->rssi = (int8_t)-(int)(RADIO_RSSISAMPLE & 0x7F);
    counters.received++;
    __asm volatile ("" ::: "memory");
    head = head + 1;
    if (!answering) {
        listen();
    }
    mb_radio_news();
}

MB_RAMCODE static void assessed(void) {
    if (!RADIO_EVENT_PHYEND) {
        listen();
        was_busy();
        return;
    }
    counters.sent++;
    listen();
    if (access_mode == MB_CSMA_CA && wants_ack) {
        waited_longer = false;
        set_timer(WAIT_ACK, TIMER3_CC(CC_END) + ACK_WAIT_US);
    } else {
        done(MB_SENT);
    }
}

MB_RAMCODE void RADIO_IRQHandler(void) {
    if (!RADIO_EVENT_DISABLED) {
        return;
    }
    RADIO_EVENT_DISABLED = 0;
    (void)RADIO_EVENT_DISABLED;
    RADIO_SHORTS = 0;
    PPI_CHENCLR = 1u << PPI_START_TX;
    // Not a switch: its table might end up in flash.
    enum phase was = phase;
    if (was == LISTEN) {
        if (RADIO_EVENT_END) {
            received();
        } else {
            listen();
        }
    } else if (was == ASSESS) {
        assessed();
    } else if (was == ENERGY) {
        energy_dbm = (int8_t)((int)(RADIO_EDSAMPLE & 0x7F) + ED_OFFSET_DBM);
        energy_done = true;
        listen();
        mb_radio_news();
    } else if (was == TIMED) {
        counters.sent++;
        listen();
        done(MB_SENT);
    } else if (was == ACKNOWLEDGE) {
        listen();
    }
}

MB_RAMCODE static inline bool is_receiving(void) {
    return RADIO_EVENT_FRAMESTART && !RADIO_EVENT_END;
}

MB_RAMCODE static void backoff_over(void) {
    if (phase == LISTEN && is_receiving()) {
        // The channel could not be busier.
        was_busy();
    } else if (phase == LISTEN && !RADIO_EVENT_END) {
        leave();
        assess();
    } else {
        // Acknowledging, or about to look at what came in.
        set_timer(BACKOFF, now() + MB_BACKOFF_US);
    }
}

MB_RAMCODE static void ack_wait_over(void) {
    if (!waited_longer && (phase != LISTEN || RADIO_EVENT_FRAMESTART)) {
        waited_longer = true;
        set_timer(WAIT_ACK, now() + ACK_LEFT_US);
    } else if (mb_csma_retry(&csma)) {
        counters.retries++;
        back_off();
    } else {
        counters.no_ack++;
        done(MB_NO_ACK);
    }
}

MB_RAMCODE void TIMER3_IRQHandler(void) {
    if (!TIMER3_COMPARE(CC_MAC)) {
        return;
    }
    TIMER3_COMPARE(CC_MAC) = 0;
    (void)TIMER3_COMPARE(CC_MAC);
    TIMER3_INTENCLR = TIMER3_INT_COMPARE(CC_MAC);
    enum purpose why = purpose;
    purpose = NOTHING;
    if (why == BACKOFF) {
        backoff_over();
    } else if (why == WAIT_ACK) {
        ack_wait_over();
    } else if (why == PREPARE) {
        if (phase != LISTEN) {
            done(MB_MISSED);
            return;
        }
        leave();
        if (!start_at(TIMED, outgoing, send_time - RAMP_UP_US)) {
            listen();
            done(MB_MISSED);
        }
    }
}

// From here on for the program.

static void wire(unsigned ppi, uint32_t event, uint32_t task) {
    PPI_EVENT(ppi) = event;
    PPI_TASK(ppi) = task;
}

static void start_timer(void) {
    TIMER3_MODE = 0;
    TIMER3_BITMODE = 3;
    TIMER3_PRESCALER = 4;
    TIMER3_INTENCLR = 0xFFFFFFFF;
    TIMER3_START = 1;
    PPI_CHENCLR = 1u << PPI_START_TX;
    wire(PPI_START_TX, TIMER3_COMPARE_ADDRESS(CC_START_TX), RADIO_EVENT_ADDRESS_OF(0x000));
    wire(PPI_FRAMESTART, RADIO_EVENT_ADDRESS_OF(0x138), TIMER3_CAPTURE_ADDRESS(CC_FRAMESTART));
    wire(PPI_END, RADIO_EVENT_ADDRESS_OF(0x10C), TIMER3_CAPTURE_ADDRESS(CC_END));
    wire(PPI_PHYEND, RADIO_EVENT_ADDRESS_OF(0x16C), TIMER3_CAPTURE_ADDRESS(CC_END));
    PPI_CHENSET = 1u << PPI_FRAMESTART | 1u << PPI_END | 1u << PPI_PHYEND;
}

bool mb_radio_start(uint32_t seed) {
    if ((HFCLK_STAT & HFCLK_STAT_XTAL_RUNNING) != HFCLK_STAT_XTAL_RUNNING) {
        HFCLK_STARTED = 0;
        HFCLK_START = 1;
        for (unsigned i = 0; i < 1000000 && !HFCLK_STARTED; i++) {
        }
        if (!HFCLK_STARTED) {
            return false;
        }
    }
    mb_radio_stop();
    random_state = seed | 1;
    head = tail = 0;
    sent = MB_IDLE;
    purpose = NOTHING;
    start_timer();
    RADIO_POWER = 0;
    RADIO_POWER = 1;
    RADIO_MODE = RADIO_MODE_IEEE802154;
    RADIO_MODECNF0 = 0x201; // fast ramp-up; carrier in the centre while nothing is sent
    RADIO_PCNF0 = 0x06000008; // PHR of 8 bits, preamble of 32 zeros, length counts the FCS
    RADIO_PCNF1 = 0x0000007F; // at most 127 bytes
    RADIO_CRCCNF = 0x202; // two bytes, over the PSDU only
    RADIO_CRCPOLY = 0x11021;
    RADIO_CRCINIT = 0;
    RADIO_CCACTRL = CCA_CONTROL;
    apply_errata();
    NVIC_PRIORITY(RADIO_IRQ) = PRIORITY_HIGH;
    NVIC_PRIORITY(TIMER3_IRQ) = PRIORITY_HIGH;
    NVIC_SET(RADIO_IRQ);
    NVIC_SET(TIMER3_IRQ);
    uint32_t state = lock();
    listen();
    unlock(state);
    return true;
}

void mb_radio_stop(void) {
    NVIC_CLEAR(RADIO_IRQ);
    NVIC_CLEAR(TIMER3_IRQ);
    __asm volatile ("dsb\n isb" ::: "memory");
    TIMER3_INTENCLR = 0xFFFFFFFF;
    if (phase != OFF) {
        leave();
    }
    phase = OFF;
    purpose = NOTHING;
    if (sent == MB_UNDER_WAY) {
        sent = MB_BUSY;
    }
}

void mb_radio_configure(unsigned new_channel, const struct mb_address *address, bool all) {
    uint32_t state = lock();
    own = *address;
    promiscuous = all;
    if (channel != new_channel) {
        channel = (uint8_t)new_channel;
        // Everything else comes back to listen() by itself.
        if (phase == LISTEN) {
            leave();
            listen();
        }
    }
    unlock(state);
}

void mb_radio_set_power(int dbm) {
    static const int8_t steps[] = {8, 7, 6, 5, 4, 3, 2, 0, -4, -8, -12, -16, -20, -40};
    unsigned i = 0;
    while (i < sizeof(steps) - 1 && steps[i] > dbm) {
        i++;
    }
    RADIO_TXPOWER = (uint8_t)steps[i];
}

static void take(const uint8_t *frame, size_t length) {
    outgoing[0] = (uint8_t)(length + 2);
    for (size_t i = 0; i < length; i++) {
        outgoing[1 + i] = frame[i];
    }
    // The bit says so in every version; a frame without a sequence number cannot be told from its acknowledgement.
    wants_ack = length >= 3 && (outgoing[1] & 0x20) && !((outgoing[2] & 0x30) == 0x20 && (outgoing[2] & 1));
    sent = MB_UNDER_WAY;
}

bool mb_radio_send(const uint8_t *frame, size_t length, enum mb_access access, unsigned retries) {
    if (sent == MB_UNDER_WAY || phase == OFF || !length || length > MB_MAX_FRAME) {
        return false;
    }
    take(frame, length);
    access_mode = access;
    uint32_t state = lock();
    mb_csma_begin(&csma, wants_ack ? retries : 0);
    if (access == MB_CSMA_CA) {
        back_off();
    } else {
        set_timer(BACKOFF, now());
    }
    unlock(state);
    return true;
}

bool mb_radio_send_at(const uint8_t *frame, size_t length, uint32_t time) {
    uint32_t ahead = time - mb_radio_now();
    if (sent == MB_UNDER_WAY || phase == OFF || !length || length > MB_MAX_FRAME || ahead < 500 || ahead > 1000000) {
        return false;
    }
    take(frame, length);
    access_mode = MB_ASSESS_ONCE;
    send_time = time;
    uint32_t state = lock();
    set_timer(PREPARE, time - PREPARE_US);
    unlock(state);
    return true;
}

enum mb_sent mb_radio_sent(void) {
    return sent;
}

bool mb_radio_has_received(void) {
    return head != tail;
}

size_t mb_radio_receive(uint8_t *frame, struct mb_received *how) {
    if (head == tail) {
        return 0;
    }
    const struct buffer *buffer = &pool[tail % RX_BUFFERS];
    size_t length = buffer->bytes[0] - 2u;
    for (size_t i = 0; i < length; i++) {
        frame[i] = buffer->bytes[1 + i];
    }
    unsigned lqi = buffer->bytes[1 + length] * LQI_SCALE;
    how->lqi = (uint8_t)(lqi > 255 ? 255 : lqi);
    how->rssi = buffer->rssi;
    how->time = buffer->time;
    // Read before the interrupt may overwrite it.
    __asm volatile ("" ::: "memory");
    tail = tail + 1;
    return length;
}

bool mb_radio_energy(unsigned on_channel, uint32_t periods) {
    uint32_t state = lock();
    bool can = phase == LISTEN && !is_receiving() && sent != MB_UNDER_WAY;
    if (can) {
        leave();
        energy_done = false;
        RADIO_FREQUENCY = 5u * (on_channel - 10u);
        RADIO_EDCNT = periods - 1;
        go(ENERGY, pool[head % RX_BUFFERS].bytes, SHORT_READY_EDSTART | SHORT_EDEND_DISABLE);
        RADIO_RXEN = 1;
    }
    unlock(state);
    return can;
}

bool mb_radio_energy_result(int *dbm) {
    *dbm = energy_dbm;
    return energy_done;
}

const struct mb_radio_counters *mb_radio_counters(void) {
    return &counters;
}

uint32_t mb_radio_now(void) {
    uint32_t state = lock();
    uint32_t time = now();
    unlock(state);
    return time;
}

void mb_radio_set_enhanced_ack(mb_enhanced_ack hook) {
    enhanced_ack = hook;
}
