// The life of the interpreter: heap, frozen start-up code, then the console (dev) or the device's own program
// (release), again after each soft reset.

#include "py/compile.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/pystack.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"

#include "board.h"
#include "compact.h"
#include "fault.h"
#include "uart.h"

#define CONSOLE_BAUDRATE 115200
// A program that ended has failed. Not at once again: its last words must get out, and the radio must not be jammed.
#define RESTART_AFTER_MS 5000

// Frames of running Python functions. A join and a relayed one need 3.3 kB of it.
static uint8_t pystack[BOARD_PYSTACK] __attribute__((aligned(8)));

// From the board's linker script.
extern uint8_t _stack_bottom, _stack_top, _heap_start, _heap_end;

#if !MICROBREW_RELEASE

static void run_programs(void) {
    // Files of the developer's, if there are any.
    pyexec_file_if_exists("boot.py");
    if (pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
        pyexec_file_if_exists("main.py");
    }
}

#endif

#if MICROBREW_CONSOLE

static void console(void) {
    for (;;) {
        int end = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
        if (end != 0) {
            return;
        }
    }
}

#endif

int main(void) {
    board_init();
    reset_cause_init();
    ticks_init();
    board_uart_init(0, CONSOLE_BAUDRATE);
    __asm volatile ("cpsie i");
    size_t heap = board_heap_size(&_heap_end - &_heap_start);
    for (;;) {
        mp_cstack_init_with_top(&_stack_top, &_stack_top - &_stack_bottom);
        mp_pystack_init(pystack, pystack + sizeof pystack);
        gc_init(&_heap_start, &_heap_start + heap);
        mp_init();
        compact_init();
        #if MICROBREW_CONSOLE
        readline_init0();
        #endif
        #if !MICROBREW_APP
        pyexec_frozen_module("_boot.py", false);
        #endif
        #if MICROBREW_RELEASE || MICROBREW_APP
        pyexec_frozen_module("_main.py", MICROBREW_CONSOLE);
        #else
        run_programs();
        #endif
        #if MICROBREW_CONSOLE
        console();
        #else
        mp_hal_delay_ms(RESTART_AFTER_MS);
        reset_because(RESET_SOFTWARE);
        #endif
        // mpremote waits for these very words.
        mp_printf(&mp_plat_print, "MPY: soft reboot\n");
        gc_sweep_all();
        mp_deinit();
        for (unsigned port = 1; port < BOARD_UARTS; port++) {
            uart_flush(port);
        }
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *value) {
    mp_printf(&mp_plat_print, "\nfatal: exception without a handler\n");
    reset_because(RESET_FAULT);
}

#ifndef NDEBUG
void __assert_func(const char *file, int line, const char *function, const char *expression) {
    mp_printf(&mp_plat_print, "\nassertion failed: %s, %s line %d\n", expression, file, line);
    reset_because(RESET_FAULT);
}
#endif
