// The two UARTs, by DMA. Bytes land in a ring of two halves that the hardware fills in turn, and are handed on one by
// one: a timer counts them (PPI: RXDRDY to COUNT), because DMA tells its progress only at the end of a buffer. The ring
// outlasts the longest time that an erase of the flash keeps the processor from here (flash.c).
//
// UART 0 is the DK's virtual COM port; UART 1 is on P1.01 (RXD) and P1.02 (TXD). Without flow control.

#include "uarte.h"

#include "board.h"
#include "chip.h"
#include "ticks_timer.h"
#include "uart.h"

#define HALF 64u
// In counter mode, one for each UART.
#define COUNTER_BASE(port) ((port) ? 0x4000A000u : 0x40009000u) // TIMER2, TIMER1
#define COUNTER(port, offset) REG32(COUNTER_BASE(port) + (offset))
#define COUNTER_START 0x000
#define COUNTER_COUNT 0x008
#define COUNTER_CLEAR 0x00C
#define COUNTER_CAPTURE0 0x040
#define COUNTER_MODE 0x504
#define COUNTER_MODE_COUNTER 1u
#define COUNTER_BITMODE 0x508
#define COUNTER_BITMODE_32 3u
#define COUNTER_CC0 0x540
// Channels 0 to 5 are the radio's.
#define PPI_CHANNEL(port) (6 + (port))
#define PPI_CHENSET REG32(0x4001F504)
#define PPI_EVENT(channel) REG32(0x4001F510 + 8 * (channel))
#define PPI_TASK(channel) REG32(0x4001F514 + 8 * (channel))

#define PORT1 32u
static const uint8_t pins[BOARD_UARTS][2] = {{6, 8}, {PORT1 + 2, PORT1 + 1}}; // TXD, RXD

static struct {
    uint8_t ring[2 * HALF];
    uint32_t seen; // bytes handed on since the start
    uint8_t half; // that the hardware gets next
    bool sending;
    uint8_t out;
} uarts[BOARD_UARTS];

// Values of the product specification; others by its formula, 2^32 / 16 MHz for each baud.
static uint32_t baudrate_register(uint32_t baudrate) {
    switch (baudrate) {
        case 9600:
            return 0x00275000;
        case 115200:
            return 0x01D60000;
        case 230400:
            return 0x03B00000;
        case 460800:
            return 0x07400000;
        case 921600:
            return 0x0F000000;
        default:
            return (uint32_t)(((uint64_t)baudrate << 32) / 16000000 + 0x800) & 0xFFFFF000;
    }
}

void board_uart_init(unsigned port, uint32_t baudrate) {
    irq_disable(UARTE_IRQ(port));
    if (UARTE(port, UARTE_ENABLE)) {
        UARTE(port, UARTE_SHORTS) = 0;
        UARTE(port, UARTE_RXTO) = 0;
        UARTE(port, UARTE_STOPRX) = 1;
        // It ends within the four bytes of its FIFO.
        for (int i = 0; i < 100000 && !UARTE(port, UARTE_RXTO); i++) {
        }
        UARTE(port, UARTE_ENABLE) = 0;
    }
    unsigned txd = pins[port][0];
    unsigned rxd = pins[port][1];
    uint32_t gpio = txd < PORT1 ? 0x50000000u : 0x50000300u;
    REG32(gpio + 0x508) = 1u << (txd % PORT1); // idle is high
    REG32(gpio + 0x518) = 1u << (txd % PORT1);
    REG32(gpio + 0x700 + 4 * (rxd % PORT1)) = PIN_CNF_INPUT_PULLUP;
    UARTE(port, UARTE_PSEL_TXD) = txd;
    UARTE(port, UARTE_PSEL_RXD) = rxd;
    UARTE(port, UARTE_CONFIG) = 0;
    UARTE(port, UARTE_BAUDRATE) = baudrate_register(baudrate);
    UARTE(port, UARTE_ENABLE) = UARTE_ENABLE_ON;

    COUNTER(port, COUNTER_MODE) = COUNTER_MODE_COUNTER;
    COUNTER(port, COUNTER_BITMODE) = COUNTER_BITMODE_32;
    COUNTER(port, COUNTER_CLEAR) = 1;
    COUNTER(port, COUNTER_START) = 1;
    PPI_EVENT(PPI_CHANNEL(port)) = UARTE_BASE(port) + UARTE_RXDRDY;
    PPI_TASK(PPI_CHANNEL(port)) = COUNTER_BASE(port) + COUNTER_COUNT;
    PPI_CHENSET = 1u << PPI_CHANNEL(port);

    uarts[port].seen = 0;
    uarts[port].half = 0;
    uarts[port].sending = false;
    UARTE(port, UARTE_RXD_PTR) = (uint32_t)uarts[port].ring;
    UARTE(port, UARTE_RXD_MAXCNT) = HALF;
    UARTE(port, UARTE_SHORTS) = UARTE_SHORTS_ENDRX_STARTRX;
    UARTE(port, UARTE_RXDRDY) = 0;
    UARTE(port, UARTE_RXSTARTED) = 0;
    UARTE(port, UARTE_INTENSET) = UARTE_INT_RXDRDY | UARTE_INT_RXSTARTED;
    NVIC_IPR(UARTE_IRQ(port)) = PRIORITY(4);
    irq_enable(UARTE_IRQ(port));
    UARTE(port, UARTE_STARTRX) = 1;
}

// What the hardware has counted and nobody has had yet. Called with this UART's interrupt kept out.
static void hand_on(unsigned port) {
    COUNTER(port, COUNTER_CAPTURE0) = 1;
    uint32_t count = COUNTER(port, COUNTER_CC0);
    if (count - uarts[port].seen > 2 * HALF) {
        // Nobody read for so long that it has been overwritten.
        uarts[port].seen = count;
    }
    while (uarts[port].seen != count && uart_room(port)) {
        uart_receive(port, uarts[port].ring[uarts[port].seen % (2 * HALF)]);
        uarts[port].seen++;
    }
}

static void interrupt(unsigned port) {
    if (UARTE(port, UARTE_RXSTARTED)) {
        UARTE(port, UARTE_RXSTARTED) = 0;
        uarts[port].half ^= 1;
        UARTE(port, UARTE_RXD_PTR) = (uint32_t)uarts[port].ring + uarts[port].half * HALF;
    }
    if (UARTE(port, UARTE_RXDRDY)) {
        UARTE(port, UARTE_RXDRDY) = 0;
        // Before the count is taken: a byte after it brings the interrupt again.
        (void)UARTE(port, UARTE_RXDRDY);
        hand_on(port);
        ticks_wake();
    }
}

void uarte0_interrupt(void) {
    interrupt(0);
}

void uarte1_interrupt(void) {
    interrupt(1);
}

void board_uart_rx_resume(unsigned port) {
    uint32_t state = irq_save();
    if (UARTE(port, UARTE_ENABLE)) {
        hand_on(port);
    }
    irq_restore(state);
}

bool board_uart_tx_ready(unsigned port) {
    return !uarts[port].sending || UARTE(port, UARTE_ENDTX);
}

void board_uart_tx(unsigned port, uint8_t byte) {
    uarts[port].out = byte;
    uarts[port].sending = true;
    UARTE(port, UARTE_ENDTX) = 0;
    UARTE(port, UARTE_TXD_PTR) = (uint32_t)&uarts[port].out;
    UARTE(port, UARTE_TXD_MAXCNT) = 1;
    UARTE(port, UARTE_STARTTX) = 1;
}
