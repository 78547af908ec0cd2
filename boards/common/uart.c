#include "uart.h"

#include "py/runtime.h"
#include "shared/runtime/interrupt_char.h"

#include "board.h"
#include "cortexm.h"
#include "ticks.h"

// A power of two, more than four radio frames with their framing and mpremote's window.
#ifndef BOARD_UART_RING
#define BOARD_UART_RING 1024
#endif
#define RING BOARD_UART_RING
// At the line between two at the clock.
#define LOOKS 64

static struct {
    volatile uint32_t head; // written by the interrupt only
    volatile uint32_t tail; // written by the reader only
    uint8_t bytes[RING];
} rings[BOARD_UARTS];

size_t uart_room(unsigned port) {
    return RING - (rings[port].head - rings[port].tail);
}

void uart_receive(unsigned port, uint8_t byte) {
    #if MICROPY_KBD_EXCEPTION
    if (port == 0 && byte == mp_interrupt_char) {
        mp_sched_keyboard_interrupt();
        return;
    }
    #endif
    uint32_t head = rings[port].head;
    rings[port].bytes[head % RING] = byte;
    rings[port].head = head + 1;
}

size_t uart_any(unsigned port) {
    return rings[port].head - rings[port].tail;
}

size_t uart_read(unsigned port, uint8_t *buf, size_t length) {
    // Once only: it grows under our hands.
    size_t count = uart_any(port);
    if (count > length) {
        count = length;
    }
    uint32_t tail = rings[port].tail;
    for (size_t i = 0; i < count; i++) {
        buf[i] = rings[port].bytes[(tail + i) % RING];
    }
    // The bytes are read before the interrupt may overwrite them.
    __asm volatile ("" ::: "memory");
    rings[port].tail = tail + count;
    if (count) {
        board_uart_rx_resume(port);
    }
    return count;
}

void uart_flush(unsigned port) {
    rings[port].tail = rings[port].head;
    board_uart_rx_resume(port);
}

size_t uart_write(unsigned port, const uint8_t *buf, size_t length, uint32_t timeout_ms) {
    size_t sent = 0;
    while (sent < length) {
        uint32_t since = ticks_ms();
        // The clock takes longer to read than the line to look at.
        for (unsigned turn = 1; !board_uart_tx_ready(port); turn++) {
            if (turn % LOOKS == 0 && ticks_ms() - since >= timeout_ms) {
                return sent;
            }
        }
        board_uart_tx(port, buf[sent++]);
    }
    return sent;
}
