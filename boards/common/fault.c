// Says on the console what went wrong, with all registers, then resets. It trusts nothing: not the stack pointer (a
// stack that overflowed points below RAM, see the linker scripts), not the heap, no interrupt. No memory contents are
// printed but the exception frame, so no keys reach the log.

#include <stdbool.h>

#include "board.h"
#include "cortexm.h"
#include "fault.h"

#define REMEMBERED 0x4d624300u // with the cause in the low byte

#ifndef BOARD_WATCHDOG_EXCEPTION
#define BOARD_WATCHDOG_EXCEPTION 2 // NMI
#endif

// What the report says, kept over the reset for whoever has no console: board.fault().
#define KEPT 0x4d62464cu

extern uint32_t _ram_start, _ram_end;

// Survives a reset: the linker script keeps .noinit out of .bss.
static volatile uint32_t remembered __attribute__((section(".noinit")));
static enum reset_cause cause_of_this_start;
static struct fault_record kept __attribute__((section(".noinit")));
static uint32_t kept_is_whole __attribute__((section(".noinit")));

__attribute__((aligned(8), used)) static uint64_t fault_stack[64];

void reset_because(enum reset_cause cause) {
    remembered = REMEMBERED | cause;
    system_reset();
}

void reset_cause_init(void) {
    bool known = (remembered & 0xffffff00u) == REMEMBERED;
    cause_of_this_start = known ? (remembered & 0xff) : RESET_POWER_ON;
    #if BOARD_HAS_RESET_CAUSE
    enum reset_cause hardware = board_reset_cause();
    // The reset that software asked for has its reason here, all others in the hardware.
    if (hardware && !(known && hardware == RESET_SOFTWARE)) {
        cause_of_this_start = hardware;
    }
    #endif
    // A reset that nobody announced, such as by a pin, finds this.
    remembered = 0;
}

enum reset_cause reset_cause(void) {
    return cause_of_this_start;
}

const struct fault_record *fault_kept(void) {
    return kept_is_whole == KEPT && cause_of_this_start != RESET_POWER_ON ? &kept : NULL;
}

static void flush(void) {
    // Bounded: a console that nobody reads must not keep a dead device from starting again.
    for (int i = 0; i < 1000000 && !board_uart_tx_ready(0); i++) {
    }
}

static void put(char c) {
    flush();
    board_uart_tx(0, c);
}

static void put_text(const char *text) {
    for (; *text; text++) {
        put(*text);
    }
}

static void put_register(const char *name, uint32_t value) {
    put_text(name);
    put('=');
    for (int shift = 28; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[value >> shift & 15]);
    }
}

static bool in_ram(uint32_t frame) {
    return frame >= (uint32_t)&_ram_start && frame + 32 <= (uint32_t)&_ram_end;
}

// First of all: a watchdog that is about to reset leaves time for no more.
static void keep(const uint32_t *frame, uint32_t exception) {
    kept_is_whole = 0;
    bool readable = in_ram((uint32_t)frame);
    kept.exception = exception;
    kept.lr = readable ? frame[5] : 0;
    kept.pc = readable ? frame[6] : 0;
    kept.cfsr = SCB_CFSR;
    kept.hfsr = SCB_HFSR;
    kept.address = SCB_BFAR;
    kept_is_whole = KEPT;
}

// `frame`: r0-r3, r12, lr, pc, xpsr as the processor stacked them; `saved`: r4-r11.
__attribute__((used, noreturn)) static void fault_report(const uint32_t *frame, const uint32_t *saved,
    uint32_t exc_return) {
    static const char *const frame_names[8] = {"r0", " r1", " r2", " r3", "\r\nr12", " lr", " pc", " xpsr"};
    static const char *const saved_names[8] = {"\r\nr4", " r5", " r6", " r7", "\r\nr8", " r9", " r10", " r11"};
    uint32_t exception;
    __asm volatile ("mrs %0, ipsr" : "=r" (exception));
    bool watchdog = exception == BOARD_WATCHDOG_EXCEPTION;
    keep((const uint32_t *)frame, exception);
    put_text(watchdog ? "\r\n*** watchdog\r\n" : "\r\n*** fault\r\n");
    uint32_t at = (uint32_t)frame;
    if (in_ram(at)) {
        for (int i = 0; i < 8; i++) {
            put_register(frame_names[i], frame[i]);
        }
    } else {
        put_text("the stack has overflowed: no frame");
    }
    for (int i = 0; i < 8; i++) {
        put_register(saved_names[i], saved[i]);
    }
    put_register("\r\nexception", exception);
    put_register(" sp", at);
    put_register(" exc_return", exc_return);
    put_register("\r\ncfsr", SCB_CFSR);
    put_register(" hfsr", SCB_HFSR);
    put_register(" mmfar", SCB_MMFAR);
    put_register(" bfar", SCB_BFAR);
    put_text("\r\n*** reset\r\n");
    flush();
    reset_because(watchdog ? RESET_WATCHDOG : RESET_FAULT);
}

__attribute__((naked)) void fault_handler(void) {
    __asm volatile (
        "cpsid i\n"
        "tst lr, #4\n"
        "ite eq\n"
        "mrseq r0, msp\n"
        "mrsne r0, psp\n"
        "mov r2, lr\n"
        "ldr r3, =fault_stack + 512\n"
        "mov sp, r3\n"
        "push {r4-r11}\n"
        "mov r1, sp\n"
        "b fault_report\n");
}
