// The console and delays as MicroPython calls them.

#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "board.h"
#include "uart.h"

// How long the console may keep output waiting. Longer than a host program is ever away, short against the
// watchdog; after that output is lost until somebody reads again.
#define CONSOLE_PATIENCE_MS 2000

// Of ticks_us(), where it counts in more than one.
#ifndef BOARD_TICKS_STEP_US
#define BOARD_TICKS_STEP_US 0
#endif

int mp_hal_stdin_rx_chr(void) {
    uint8_t byte;
    while (!uart_read(0, &byte, 1)) {
        mp_event_wait_indefinite();
    }
    return byte;
}

mp_uint_t mp_hal_stdout_tx_strn(const char *str, size_t len) {
    #if MICROBREW_APP
    // The line speaks a protocol.
    return len;
    #endif
    static bool deaf;
    size_t sent = uart_write(0, (const uint8_t *)str, len, deaf ? 0 : CONSOLE_PATIENCE_MS);
    deaf = sent < len;
    return sent;
}

uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = flags & MP_STREAM_POLL_WR;
    if ((flags & MP_STREAM_POLL_RD) && uart_any(0)) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready;
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint32_t since = ticks_ms();
    uint32_t gone = 0;
    // One more than asked for, because the running millisecond has begun already.
    while (ms && gone <= ms) {
        mp_event_wait_ms(ms - gone + 1);
        gone = ticks_ms() - since;
    }
}

void mp_hal_delay_us(mp_uint_t us) {
    uint32_t since = ticks_us();
    // The step that runs has begun already.
    while (ticks_us() - since < us + BOARD_TICKS_STEP_US) {
    }
}

// For the times of files, which the store's filesystem is mounted without: there is no calendar here.
uint64_t mp_hal_time_ns(void) {
    return (uint64_t)ticks_ms() * 1000000;
}
