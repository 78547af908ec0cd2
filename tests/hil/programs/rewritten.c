// Registers of a counter are written all the time while its compare event comes near: it comes all the same.
#include "start.h"

#define RTC1(offset) REG(0x40011000 + (offset))
#define TIMER2(offset) REG(0x4000A000 + (offset))
#define ROUNDS 50u
// Far more than a round takes.
#define TURNS 10000u

static uint32_t rtc_round(void) {
    RTC1(0x540) = RTC1(0x504) + 3;
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        // As who reads the counter with its overflow's interrupt kept out.
        RTC1(0x308) = 1 << 1;
        RTC1(0x304) = 1 << 1;
        if (RTC1(0x140)) {
            RTC1(0x140) = 0;
            return 1;
        }
    }
    return 0;
}

static uint32_t timer_round(void) {
    TIMER2(0x040) = 1; // CAPTURE[0]
    uint32_t at = TIMER2(0x540) + 50;
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        TIMER2(0x544) = at;
        if (TIMER2(0x144)) {
            TIMER2(0x144) = 0;
            return 1;
        }
    }
    return 0;
}

int main(void) {
    RTC1(0x304) = 1 << 16;
    RTC1(0x000) = 1;
    TIMER2(0x508) = 3;
    TIMER2(0x510) = 4;
    TIMER2(0x000) = 1;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        result[0] += rtc_round();
        result[1] += timer_round();
    }
    return 0;
}
