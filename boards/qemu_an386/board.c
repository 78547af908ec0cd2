// The AN386's peripherals: CMSDK UARTs and watchdog (Arm Cortex-M System Design Kit, sections 4.3 and 4.4), and entropy
// from the host.

#include "board.h"

#include <string.h>

#include "cortexm.h"
#include "flash.h"
#include "options.h"
#include "semihosting.h"
#include "ticks.h"
#include "uart.h"

#define UART_BASE(port) (0x40004000u + 0x1000u * (port))
#define UART_DATA(port) REG32(UART_BASE(port) + 0x00)
#define UART_STATE(port) REG32(UART_BASE(port) + 0x04)
#define UART_CTRL(port) REG32(UART_BASE(port) + 0x08)
#define UART_INT(port) REG32(UART_BASE(port) + 0x0C)
#define UART_BAUDDIV(port) REG32(UART_BASE(port) + 0x10)
#define UART_STATE_TX_FULL (1u << 0)
#define UART_STATE_RX_FULL (1u << 1)
#define UART_CTRL_TX (1u << 0)
#define UART_CTRL_RX (1u << 1)
#define UART_CTRL_RX_INT (1u << 3)
#define UART_INT_RX (1u << 1)
#define UART_BAUDDIV_MIN 16
#define UART_RX_IRQ(port) (2 * (port))

#define WDOG_LOAD REG32(0x40008000)
#define WDOG_CONTROL REG32(0x40008008)
#define WDOG_LOCK REG32(0x40008C00)
#define WDOG_CONTROL_INT (1u << 0)
#define WDOG_CONTROL_RESET (1u << 1)
#define WDOG_UNLOCK 0x1ACCE551u

static uint32_t watchdog_load;

void board_init(void) {
    options_init();
    flash_init();
    uint32_t uptime = 0;
    uint32_t speed = 1;
    option_number("uptime", &uptime);
    option_number("speed", &speed);
    ticks_shift(uptime, speed);
}

size_t board_heap_size(size_t room) {
    uint32_t heap = BOARD_HEAP;
    option_number("heap", &heap);
    return heap < 16384 ? 16384 : heap > room ? room : heap;
}

// UARTs

void board_uart_init(unsigned port, uint32_t baudrate) {
    uint32_t divider = BOARD_CLOCK_HZ / baudrate;
    UART_BAUDDIV(port) = divider < UART_BAUDDIV_MIN ? UART_BAUDDIV_MIN : divider;
    UART_CTRL(port) = UART_CTRL_TX | UART_CTRL_RX | UART_CTRL_RX_INT;
    irq_enable(UART_RX_IRQ(port));
}

static void uart_interrupt(unsigned port) {
    UART_INT(port) = UART_INT_RX;
    // At most one byte: the hardware holds no more. It stays there while the ring is full, and the sender waits.
    if (!uart_room(port)) {
        irq_disable(UART_RX_IRQ(port));
    } else if (UART_STATE(port) & UART_STATE_RX_FULL) {
        uart_receive(port, UART_DATA(port));
    }
}

static void uart0_interrupt(void) {
    uart_interrupt(0);
}

static void uart1_interrupt(void) {
    uart_interrupt(1);
}

void board_uart_rx_resume(unsigned port) {
    uint32_t state = irq_save();
    // Its interrupt has been cleared already: fetch the byte that waited.
    if ((NVIC_ISER(0) & 1u << UART_RX_IRQ(port)) == 0) {
        uart_interrupt(port);
        irq_enable(UART_RX_IRQ(port));
    }
    irq_restore(state);
}

bool board_uart_tx_ready(unsigned port) {
    return !(UART_STATE(port) & UART_STATE_TX_FULL);
}

void board_uart_tx(unsigned port, uint8_t byte) {
    UART_DATA(port) = byte;
}

// Entropy

// With `seed=`: SplitMix64. It has nothing to do with security, and a release does not contain it.
static void repeat(uint32_t seed, uint8_t *buf, size_t length) {
    static uint64_t state;
    static bool seeded;
    if (!seeded) {
        state = seed;
        seeded = true;
    }
    for (size_t i = 0; i < length; i++) {
        state += 0x9E3779B97F4A7C15u;
        uint64_t z = state;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        buf[i] = z ^ z >> 31;
    }
}

bool board_entropy(void *buf, size_t length) {
    uint32_t seed;
    if (!MICROBREW_RELEASE && option_number("seed", &seed)) {
        repeat(seed, buf, length);
        return true;
    }
    int host = semihosting_open("/dev/urandom", SEMIHOSTING_READ);
    if (host < 0) {
        return false;
    }
    bool done = semihosting_read(host, buf, length);
    semihosting_close(host);
    return done;
}

void board_unique_id(uint8_t id[8]) {
    // Emulated chips are all the same one; a device's identity is in its store.
    memcpy(id, "an386\0\0\0", 8);
}

// Watchdog: the first timeout is an NMI, which reports and resets; were it to hang, the second resets.

bool board_watchdog_start(uint32_t timeout_ms) {
    if (timeout_ms > UINT32_MAX / (BOARD_CLOCK_HZ / 1000)) {
        return false;
    }
    watchdog_load = timeout_ms * (BOARD_CLOCK_HZ / 1000);
    WDOG_LOCK = WDOG_UNLOCK;
    WDOG_LOAD = watchdog_load;
    WDOG_CONTROL = WDOG_CONTROL_INT | WDOG_CONTROL_RESET;
    WDOG_LOCK = 0;
    return true;
}

void board_watchdog_feed(void) {
    WDOG_LOCK = WDOG_UNLOCK;
    WDOG_LOAD = watchdog_load;
    WDOG_LOCK = 0;
}

__attribute__((section(".vectors_board"), used)) static void (*const vectors_board[])(void) = {
    [UART_RX_IRQ(0)] = uart0_interrupt,
    [UART_RX_IRQ(1)] = uart1_interrupt,
};
