// RTS and CTS of both faces of the UART. It stops at steps, so that the test can look and send before it lets it go on.
#include "start.h"

#define UART(offset) REG(0x40002000 + (offset))
#define UARTE(offset) REG(0x40028000 + (offset))

static uint8_t in[16];
static uint8_t out[3];

static void step(uint32_t number) {
    result[0] = number;
    while (result[1] < number) {
    }
}

static uint32_t read_all(void) {
    uint32_t count = 0;
    // Longer than a byte takes.
    for (uint32_t quiet = 0; quiet < 2000; quiet++) {
        if (UART(0x108)) {
            UART(0x108) = 0;
            in[count++ % sizeof in] = UART(0x518);
            quiet = 0;
        }
    }
    return count;
}

static void receive(uint32_t to, uint32_t room) {
    UARTE(0x110) = 0;
    UARTE(0x534) = (uint32_t)in + to;
    UARTE(0x538) = room;
    UARTE(0x000) = 1;
}

int main(void) {
    UART(0x508) = 5;
    UART(0x510) = 7;
    UART(0x524) = 0x0F000000; // 921600
    UART(0x56C) = 1;
    UART(0x500) = 4;
    step(1); // enabled, not started: held back
    UART(0x000) = 1;
    step(2); // two bytes, room for four
    result[2] = read_all();
    UART(0x004) = 1;
    while (!UART(0x144)) {
    }
    step(3); // stopped
    UART(0x000) = 1;
    result[3] = read_all();

    // CTS is up: the byte stays.
    UART(0x008) = 1;
    UART(0x51C) = 'x';
    step(4);
    result[4] = UART(0x104) << 1 | UART(0x100);
    step(5);
    while (!UART(0x11C)) {
    }
    result[5] = UART(0x100);

    UARTE(0x508) = 5;
    UARTE(0x524) = 0x0F000000;
    UARTE(0x56C) = 1;
    UARTE(0x500) = 8;
    receive(0, 4);
    step(6); // four by DMA, one in front of it
    result[6] = UARTE(0x53C);
    receive(4, 8);
    while (!UARTE(0x110)) {
    }
    result[7] = *(uint32_t *)in;
    result[8] = *(uint32_t *)(in + 4);
    result[9] = *(uint32_t *)(in + 8);
    result[10] = UARTE(0x480);

    // Without: five in front of the DMA, others are lost and an error says so.
    UARTE(0x56C) = 0;
    receive(0, 4);
    step(7);
    result[11] = UARTE(0x480);
    receive(0, 5);
    while (!UARTE(0x110)) {
    }
    result[12] = *(uint32_t *)in;

    // After STOPRX four more fit; the FIFO is then flushed.
    UARTE(0x480) = 1;
    receive(0, 16);
    step(8); // bytes are on their way
    UARTE(0x004) = 1;
    while (!UARTE(0x144)) {
    }
    result[13] = UARTE(0x53C);
    UARTE(0x534) = (uint32_t)in + 8;
    UARTE(0x02C) = 1;
    result[14] = UARTE(0x53C);
    step(9); // off: what comes now is lost

    // A transmission that CTS interrupts goes on where it was.
    for (int i = 0; i < 3; i++) {
        out[i] = "out"[i];
    }
    UARTE(0x510) = 7;
    UARTE(0x56C) = 1;
    UARTE(0x544) = (uint32_t)out;
    UARTE(0x548) = 3;
    UARTE(0x008) = 1;
    step(10);
    while (!UARTE(0x120)) {
    }
    result[15] = UARTE(0x54C);
    return 0;
}
