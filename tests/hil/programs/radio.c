// RADIO, one experiment after the other; the test plays the air. Each waits for its turn in `turn`.
#include "start.h"

#define RADIO(offset) REG(0x40001000 + (offset))
#define TIMER3(offset) REG(0x4001A000 + (offset))
#define PPI(offset) REG(0x4001F000 + (offset))

static uint8_t out[128] = {0};
static uint8_t in[129];

static uint32_t now(void) {
    TIMER3(0x54) = 1;
    return TIMER3(0x554);
}

static void forget(void) {
    for (uint32_t event = 0x100; event <= 0x16C; event += 4) {
        RADIO(event) = 0;
    }
}

static void disable(void) {
    RADIO(0x200) = 0;
    RADIO(0x110) = 0;
    RADIO(0x010) = 1;
    while (!RADIO(0x110)) {
    }
    forget();
}

static void set_up(void) {
    RADIO(0xFFC) = 0;
    RADIO(0xFFC) = 1;
    RADIO(0x510) = 15;
    RADIO(0x650) = 0x201;
    RADIO(0x514) = 0x06000008;
    RADIO(0x518) = 0x7F;
    RADIO(0x534) = 0x202;
    RADIO(0x538) = 0x11021;
    RADIO(0x508) = 25; // channel 15
    RADIO(0x66C) = 20 << 8;
}

int main(void) {
    TIMER3(0x508) = 3;
    TIMER3(0x000) = 1;
    REG(0x40000000) = 1;
    while (!REG(0x40000100)) {
    }
    set_up();

    // 0: how long ramp-up and ramp-down take, fast and not.
    uint32_t begun = now();
    RADIO(0x000) = 1;
    while (!RADIO(0x154)) {
    }
    result[0] = now() - begun;
    result[1] = RADIO(0x550);
    begun = now();
    disable();
    result[2] = now() - begun;
    RADIO(0x650) = 0x200;
    begun = now();
    RADIO(0x004) = 1;
    result[3] = RADIO(0x550);
    while (!RADIO(0x158)) {
    }
    result[4] = now() - begun;
    disable();
    RADIO(0x650) = 0x201;

    // 1: CCA, then the frame. Channel clear at first, busy at the second time.
    out[0] = 12;
    for (int i = 1; i <= 10; i++) {
        out[i] = 0x40 + i;
    }
    RADIO(0x504) = (uint32_t)out;
    for (int round = 0; round < 2; round++) {
        RADIO(0x200) = 1 << 11 | 1 << 12 | 1 << 13 | 1 << 18 | 1 << 20;
        begun = now();
        RADIO(0x004) = 1;
        while (!RADIO(0x110)) {
        }
        result[5 + 3 * round] = now() - begun;
        result[6 + 3 * round] = RADIO(0x148) << 1 | RADIO(0x144);
        result[7 + 3 * round] = RADIO(0x16C);
        forget();
    }
    result[30] = now();

    // 2: one frame, with its events in time stamps of the PPI, and where the bit counter matched.
    PPI(0x510) = 0x40001138;
    PPI(0x514) = 0x4001A040;
    PPI(0x518) = 0x4000110C;
    PPI(0x51C) = 0x4001A044;
    PPI(0x520) = 0x40001128;
    PPI(0x524) = 0x4001A048;
    PPI(0x504) = 7;
    RADIO(0x504) = (uint32_t)in;
    RADIO(0x560) = 3 * 8;
    RADIO(0x644) = 0x00C3B2A1;
    RADIO(0x648) = 0x00FFFFFF;
    RADIO(0x200) = 1 << 19 | 1 << 4 | 1 << 14;
    RADIO(0x004) = 1;
    while (!RADIO(0x128)) {
    }
    result[11] = in[0] << 24 | in[1] << 16 | in[3] << 8 | in[4];
    while (!RADIO(0x10C)) {
    }
    result[12] = TIMER3(0x540);
    result[13] = TIMER3(0x544);
    result[14] = TIMER3(0x548);
    result[15] = RADIO(0x130) | RADIO(0x134) << 1 | RADIO(0x15C) << 2 | RADIO(0x11C) << 3 | RADIO(0x400) << 4;
    result[16] = RADIO(0x548);
    result[17] = in[6];
    result[18] = RADIO(0x550);

    // 3: RxIdle hears nothing; after START it hears the next frame, whose FCS is wrong.
    forget();
    result[31] = now();
    uint32_t until = now() + 2000;
    while (now() < until) {
    }
    result[19] = RADIO(0x138);
    RADIO(0x008) = 1;
    while (!RADIO(0x10C)) {
    }
    result[20] = RADIO(0x130) | RADIO(0x134) << 1;
    disable();

    // 4: energy, three periods.
    RADIO(0x664) = 2;
    RADIO(0x200) = 1 << 15 | 1 << 16;
    result[32] = now();
    begun = now();
    RADIO(0x004) = 1;
    while (!RADIO(0x110)) {
    }
    result[21] = now() - begun;
    result[22] = RADIO(0x668);
    forget();

    // 5: a frame that began before the receiver was ready is not received.
    RADIO(0x200) = 1 << 19;
    RADIO(0x004) = 1;
    until = now() + 2000;
    while (now() < until) {
    }
    result[23] = RADIO(0x138);
    disable();
    result[24] = 1;
    return 0;
}
