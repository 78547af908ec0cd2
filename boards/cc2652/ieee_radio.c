#include "ieee_radio.h"

#include <string.h>

#include "board.h"
#include "chip.h"
#include "ticks_rtc.h"

// Frames that wait for the interpreter, which is away for up to a few hundred ms during a handshake.
#define RING 6
// Length, frame, RSSI, correlation, time stamp, rounded up.
#define ENTRY_DATA 136
#define AFTER_FRAME 6

// IEEE 802.15.4: macMinBE, macMaxBE, macMaxCSMABackoffs; macAckWaitDuration of 54 symbols.
#define MIN_BE 3
#define MAX_BE 5
#define MAX_BACKOFFS 4
#define ACK_WAIT_US (54 * 16)
// As long as all of them may take, and half of it again.
#define SEND_MS 70

#define SETUP_MS 20
#define TUNE_MS 20
#define RX_START_MS 10
#define STOP_MS 10

#define FCF_ACK_REQUEST 0x20
#define FCF_TYPE 0x07
#define FCF_TYPE_ACK 0x02
#define ACK_LENGTH 3

#define INTERRUPTS (RF_FLAG_LAST_FG_COMMAND_DONE | RF_FLAG_TX_ACK | RF_FLAG_RX_NOK | RF_FLAG_RX_IGNORED \
    | RF_FLAG_RX_BUF_FULL | RF_FLAG_RX_ENTRY_DONE | RF_FLAG_INTERNAL_ERROR)

// Receive queue.
enum { ENTRY_PENDING, ENTRY_ACTIVE, ENTRY_BUSY, ENTRY_FINISHED, ENTRY_UNFINISHED };
#define ENTRY_LENGTH_BYTE (1u << 2) // the data starts with one byte that counts what follows

struct entry {
    struct entry *next;
    volatile uint8_t status;
    uint8_t config;
    uint16_t length;
    uint8_t data[ENTRY_DATA];
} RF_STRUCT;
_Static_assert(offsetof(struct entry, data) == 8, "layout");

static struct entry ring[RING];
static unsigned ring_next; // which one is read next
static struct {
    struct entry *volatile current;
    struct entry *last; // NULL: a ring has none
} queue;

// Operations.
#define CMD_RADIO_SETUP 0x0802
#define MODE_IEEE 1
// 5 dBm, as measured by TI for the differential front end of the LaunchPad.
#define TX_POWER 0x7217
static uint32_t overrides[] = {
    0x00F388D3, // DC/DC converter while transmitting: no dithering, peak current 3
    0x000F8883, // receiver: bias of the low-noise amplifier at its maximum
    0xFFFFFFFF,
};
static struct {
    struct rf_operation head;
    uint8_t mode;
    uint8_t lo_divider;
    uint16_t config;
    uint16_t tx_power;
    uint32_t *overrides;
} RF_STRUCT setup = {
    .head = {.number = CMD_RADIO_SETUP, .condition = NEXT_NEVER},
    .mode = MODE_IEEE,
    .tx_power = TX_POWER,
    .overrides = overrides,
};
_Static_assert(sizeof(setup) == 24, "layout");

#define CMD_FS 0x0803
static struct {
    struct rf_operation head;
    uint16_t mhz;
    uint16_t fraction;
    uint8_t synth;
    uint8_t reserved[5];
} RF_STRUCT synthesizer = {.head = {.number = CMD_FS, .condition = NEXT_NEVER}};
_Static_assert(sizeof(synthesizer) == 24, "layout");

#define CMD_IEEE_RX 0x2801
#define RX_FLUSH_BAD_CRC (1u << 0)
#define RX_FLUSH_IGNORED (1u << 1)
#define RX_APPEND_RSSI (1u << 4)
#define RX_APPEND_CORRELATION (1u << 5)
#define RX_APPEND_TIME (1u << 7)
#define FILTER_ON (1u << 0)
#define FILTER_STOP_EARLY (1u << 1)
#define FILTER_AUTO_ACK (1u << 2)
#define FILTER_VERSIONS_UP_TO_2 (2u << 8)
#define FILTER_STRICT_ACK (1u << 15)
#define TYPE_BEACON (1u << 0)
#define TYPE_DATA (1u << 1)
#define TYPE_COMMAND (1u << 3)
// Busy: energy above the threshold, or a carrier, or a frame in reception.
#define CCA_ENERGY (1u << 0)
#define CCA_CORRELATION (1u << 1)
#define CCA_SYNC (1u << 2)
#define CCA_CORRELATION_PEAKS (3u << 5)
#define CCA_OPTIONS (CCA_ENERGY | CCA_CORRELATION | CCA_SYNC | CCA_CORRELATION_PEAKS)
// 10 dB above the receiver's sensitivity, as IEEE 802.15.4 section 10.2.8 asks.
#define CCA_THRESHOLD_DBM (-90)
static struct {
    struct rf_operation head;
    uint8_t channel;
    uint8_t config;
    void *queue;
    void *output;
    uint16_t filter;
    uint8_t types;
    uint8_t cca;
    int8_t cca_threshold;
    uint8_t reserved;
    uint8_t extended_entries;
    uint8_t short_entries;
    void *extended_list;
    void *short_list;
    uint64_t eui64;
    uint16_t short_address;
    uint16_t pan_id;
    uint8_t reserved_2[3];
    uint8_t end_trigger;
    uint32_t end_time;
} RF_STRUCT receiver = {
    .head = {.number = CMD_IEEE_RX, .condition = NEXT_NEVER},
    .config = RX_FLUSH_BAD_CRC | RX_FLUSH_IGNORED | RX_APPEND_RSSI | RX_APPEND_CORRELATION | RX_APPEND_TIME,
    .queue = &queue,
    // Acknowledgements are for RX_ACK; the type 2 is not among these.
    .types = TYPE_BEACON | TYPE_DATA | TYPE_COMMAND,
    .cca = CCA_OPTIONS,
    .cca_threshold = CCA_THRESHOLD_DBM,
    .end_trigger = TRIGGER_NEVER,
};
_Static_assert(sizeof(receiver) == 60, "layout");

#define CMD_IEEE_ED_SCAN 0x2802
static struct {
    struct rf_operation head;
    uint8_t channel;
    uint8_t cca;
    int8_t cca_threshold;
    uint8_t reserved;
    volatile int8_t max_rssi;
    uint8_t end_trigger;
    uint32_t end_time;
} RF_STRUCT scan = {
    .head = {.number = CMD_IEEE_ED_SCAN, .condition = NEXT_NEVER},
    .cca = CCA_OPTIONS,
    .cca_threshold = CCA_THRESHOLD_DBM,
    .end_trigger = TRIGGER_AFTER_START | TRIGGER_IN_PAST,
};
_Static_assert(sizeof(scan) == 24, "layout");

#define CMD_IEEE_RX_ACK 0x2C03
static struct {
    struct rf_operation head;
    uint8_t sequence;
    uint8_t end_trigger;
    uint32_t end_time;
} RF_STRUCT ack = {
    .head = {.number = CMD_IEEE_RX_ACK, .condition = NEXT_NEVER},
    .end_trigger = TRIGGER_AFTER_START | TRIGGER_IN_PAST,
    .end_time = ACK_WAIT_US * RAT_TICKS_PER_US,
};
_Static_assert(sizeof(ack) == 20, "layout");

#define CMD_IEEE_TX 0x2C01
static uint8_t frame_sent[IEEE_MAX_FRAME];
static struct {
    struct rf_operation head;
    uint8_t options; // 0: PHY header and FCS are the RF core's
    uint8_t length;
    const uint8_t *frame;
    volatile uint32_t timestamp;
} RF_STRUCT transmitter = {.head = {.number = CMD_IEEE_TX, .next = &ack.head}, .frame = frame_sent};
_Static_assert(sizeof(transmitter) == 24, "layout");

#define CMD_IEEE_CSMA 0x2C02
static struct {
    struct rf_operation head;
    uint16_t random_state; // the RF core's generator; it goes on from here
    uint8_t max_be;
    uint8_t max_backoffs;
    uint8_t config; // initial CW 1: not slotted; the receiver stays on
    uint8_t backoffs;
    uint8_t be;
    uint8_t remaining;
    int8_t last_rssi;
    uint8_t end_trigger;
    uint32_t last_time;
    uint32_t end_time;
} RF_STRUCT csma = {
    .head = {.number = CMD_IEEE_CSMA, .next = &transmitter.head, .condition = NEXT_IF_TRUE},
    .max_be = MAX_BE,
    .max_backoffs = MAX_BACKOFFS,
    .config = 1,
    .end_trigger = TRIGGER_NEVER,
};
_Static_assert(offsetof(typeof(csma), end_time) == 28, "layout");

static volatile uint32_t foreground_done;
static volatile struct ieee_counters counted;
static bool running;
static struct {
    enum ieee_outcome outcome;
    unsigned retries;
    uint32_t since; // ms, of this try
} sending = {.outcome = IEEE_SENT};

void ieee_radio_interrupt(void) {
    uint32_t flags = rf_core_take_flags();
    if (flags & RF_FLAG_LAST_FG_COMMAND_DONE) {
        foreground_done = 1;
    }
    if (flags & (RF_FLAG_LAST_FG_COMMAND_DONE | RF_FLAG_RX_ENTRY_DONE)) {
        ticks_wake();
    }
    counted.acks += (flags & RF_FLAG_TX_ACK) != 0;
    counted.crc += (flags & RF_FLAG_RX_NOK) != 0;
    counted.ignored += (flags & RF_FLAG_RX_IGNORED) != 0;
    counted.overruns += (flags & RF_FLAG_RX_BUF_FULL) != 0;
}

static void ring_reset(void) {
    for (unsigned i = 0; i < RING; i++) {
        ring[i].next = &ring[(i + 1) % RING];
        ring[i].status = ENTRY_PENDING;
        ring[i].config = ENTRY_LENGTH_BYTE;
        ring[i].length = ENTRY_DATA;
    }
    ring_next = 0;
    queue.current = &ring[0];
    queue.last = NULL;
}

static enum rf_step listen(void) {
    synthesizer.mhz = 2405 + 5 * (receiver.channel - 11);
    if (!rf_core_run(&synthesizer.head, RF_DONE_OK, TUNE_MS)) {
        return RF_STEP_TUNE;
    }
    bool in_pan = receiver.pan_id != IEEE_NO_ADDRESS;
    receiver.filter = FILTER_VERSIONS_UP_TO_2 | FILTER_STRICT_ACK
        | (in_pan ? FILTER_ON | FILTER_STOP_EARLY | FILTER_AUTO_ACK : 0);
    receiver.head.status = RF_IDLE;
    if (!rf_core_send((uint32_t)&receiver)) {
        return RF_STEP_RECEIVE;
    }
    uint32_t since = ticks_ms();
    while (receiver.head.status != RF_ACTIVE) {
        if (rf_ended(receiver.head.status) || ticks_ms() - since > RX_START_MS) {
            return RF_STEP_RECEIVE;
        }
    }
    return RF_OK;
}

// A frame in reception is received to its end, and acknowledged, before; so is one that is being sent.
static enum rf_step stop_listening(void) {
    sending.retries = 0;
    while (ieee_radio_outcome() == IEEE_UNDER_WAY) {
        ticks_wait(1);
    }
    if (rf_ended(receiver.head.status)) {
        return RF_OK;
    }
    if (rf_core_send(CMD_STOP) && rf_core_wait(&receiver.head, STOP_MS)) {
        return RF_OK;
    }
    return rf_core_send(CMD_ABORT) && rf_core_wait(&receiver.head, STOP_MS) ? RF_OK : RF_STEP_STOP;
}

// With channel, filter and address as they are.
static enum rf_step power_up(void) {
    rf_core_stop();
    receiver.head.status = IEEE_DONE_STOPPED;
    ring_reset();
    enum rf_step failed = rf_core_start();
    if (failed) {
        return failed;
    }
    if (!rf_core_run(&setup.head, RF_DONE_OK, SETUP_MS)) {
        return RF_STEP_SETUP;
    }
    failed = listen();
    if (!failed) {
        rf_core_take_flags();
        RFC_RFCPEIEN = INTERRUPTS;
        irq_enable(RFC_CPE0_IRQ);
    }
    return failed;
}

// What fails once may work from anew: without power, the RF core forgets everything.
static enum rf_step recover(enum rf_step failed) {
    if (failed) {
        counted.restarts++;
        failed = power_up();
    }
    return failed;
}

enum rf_step ieee_radio_start(uint64_t eui64, uint8_t channel) {
    if (!csma.random_state && !board_entropy(&csma.random_state, sizeof(csma.random_state))) {
        // Back-offs need not be secret, only different from those of others.
        csma.random_state = eui64;
    }
    csma.random_state |= 1; // a shift register of zeros would stay there
    receiver.eui64 = eui64;
    receiver.channel = channel;
    receiver.pan_id = receiver.short_address = IEEE_NO_ADDRESS;
    sending.outcome = IEEE_SENT;
    enum rf_step failed = power_up();
    running = !failed;
    return failed;
}

bool ieee_radio_running(void) {
    return running;
}

void ieee_radio_stop(void) {
    running = false;
    rf_core_stop();
}

enum rf_step ieee_radio_tune(uint8_t channel) {
    receiver.channel = channel;
    enum rf_step failed = stop_listening();
    if (!failed) {
        ring_reset();
        failed = listen();
    }
    return recover(failed);
}

enum rf_step ieee_radio_filter(uint16_t pan_id, uint16_t short_address) {
    receiver.pan_id = pan_id;
    receiver.short_address = short_address;
    enum rf_step failed = stop_listening();
    return recover(failed ? failed : listen());
}

static enum ieee_outcome chain_outcome(void) {
    if (csma.head.status == IEEE_DONE_BUSY) {
        return IEEE_BUSY;
    }
    if (csma.head.status != IEEE_DONE_OK || transmitter.head.status != IEEE_DONE_OK) {
        return IEEE_FAILED;
    }
    uint16_t answer = ack.head.status;
    bool good = transmitter.head.condition == NEXT_NEVER || answer == IEEE_DONE_ACK || answer == IEEE_DONE_ACKPEND;
    return good ? IEEE_SENT : IEEE_NO_ACK;
}

static void sending_failed(void) {
    sending.outcome = IEEE_FAILED;
    recover(RF_STEP_RECEIVE);
}

static void chain_start(void) {
    csma.head.status = transmitter.head.status = ack.head.status = RF_IDLE;
    csma.backoffs = csma.remaining = 0;
    csma.be = MIN_BE;
    foreground_done = 0;
    sending.since = ticks_ms();
    counted.tries++;
    // The receiver must be on: it may have ended over an error of the radio.
    if (rf_ended(receiver.head.status) || !rf_core_send((uint32_t)&csma)) {
        sending_failed();
    }
}

bool ieee_radio_send(const uint8_t *frame, size_t length, unsigned retries) {
    if (ieee_radio_outcome() == IEEE_UNDER_WAY) {
        return false;
    }
    memcpy(frame_sent, frame, length);
    bool wants_ack = length >= ACK_LENGTH && (frame[0] & FCF_ACK_REQUEST);
    transmitter.head.condition = wants_ack ? NEXT_IF_TRUE : NEXT_NEVER;
    transmitter.length = length;
    ack.sequence = frame_sent[2];
    sending.retries = wants_ack ? retries : 0;
    sending.outcome = IEEE_UNDER_WAY;
    chain_start();
    return true;
}

enum ieee_outcome ieee_radio_outcome(void) {
    if (sending.outcome != IEEE_UNDER_WAY) {
        return sending.outcome;
    }
    if (foreground_done) {
        sending.outcome = chain_outcome();
        if (sending.outcome == IEEE_FAILED) {
            sending_failed();
        } else if (sending.outcome == IEEE_NO_ACK && sending.retries) {
            sending.retries--;
            sending.outcome = IEEE_UNDER_WAY;
            chain_start();
        }
    } else if (ticks_ms() - sending.since > SEND_MS) {
        sending_failed();
    }
    return sending.outcome;
}

bool ieee_radio_pending(void) {
    return running && ring[ring_next].status >= ENTRY_FINISHED;
}

size_t ieee_radio_receive(uint8_t *frame, struct ieee_received *about) {
    if (running && rf_ended(receiver.head.status)) {
        recover(RF_STEP_RECEIVE);
    }
    // At most once around: the RF core fills them behind us.
    for (unsigned i = 0; i < RING && ieee_radio_pending(); i++) {
        struct entry *entry = &ring[ring_next];
        size_t length = entry->data[0] - AFTER_FRAME;
        bool good = entry->status == ENTRY_FINISHED && length >= ACK_LENGTH && length <= IEEE_MAX_FRAME;
        // Without the filter acknowledgements come here; those for us have ended RX_ACK as well.
        good = good && (entry->data[1] & FCF_TYPE) != FCF_TYPE_ACK;
        if (good) {
            const uint8_t *after = entry->data + 1 + length;
            memcpy(frame, entry->data + 1, length);
            about->rssi = after[0];
            // 6 bits of correlation, CRC error and "ignored" above them.
            about->lqi = (after[1] & 0x3f) << 2;
            memcpy(&about->timestamp, after + 2, sizeof(about->timestamp));
            counted.received++;
        }
        entry->status = ENTRY_PENDING;
        ring_next = (ring_next + 1) % RING;
        if (good) {
            return length;
        }
    }
    return 0;
}

enum rf_step ieee_radio_energy(uint8_t channel, uint32_t duration_ms, int8_t *rssi) {
    scan.channel = channel;
    scan.end_time = duration_ms * 1000 * RAT_TICKS_PER_US;
    enum rf_step failed = stop_listening();
    if (!failed && !rf_core_run(&scan.head, IEEE_DONE_OK, duration_ms + STOP_MS)
        && scan.head.status != IEEE_DONE_TIMEOUT) {
        failed = RF_STEP_SCAN;
    }
    *rssi = scan.max_rssi;
    enum rf_step again = recover(failed ? failed : listen());
    return failed ? failed : again;
}

void ieee_radio_count(struct ieee_counters *counters) {
    uint32_t state = irq_save();
    *counters = counted;
    irq_restore(state);
}
