// The console and delays as MicroPython calls them.

#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "uart.h"

// How long the console may keep output waiting. Longer than a host program is ever away, short against the
// watchdog; after that output is lost until somebody reads again.
#define CONSOLE_PATIENCE_MS 2000

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
    // One more than asked for, because the running millisecond has begun already.
    while (ticks_ms() - since <= ms && ms) {
        mp_event_wait_ms(1);
    }
}

void mp_hal_delay_us(mp_uint_t us) {
    uint32_t since = ticks_us();
    while (ticks_us() - since < us) {
    }
}

// For the times of files, which the store's filesystem is mounted without: there is no calendar here.
uint64_t mp_hal_time_ns(void) {
    return (uint64_t)ticks_ms() * 1000000;
}
