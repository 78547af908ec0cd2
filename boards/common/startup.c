// From reset to main(): the vector table of ARMv7-M, memory, the floating-point unit. Interrupts of the chip's
// peripherals follow in the table from the board (section .vectors_board).

#include <string.h>

#include "board.h"
#include "cortexm.h"
#include "fault.h"
#include "ticks.h"

// From the board's linker script.
extern uint32_t _stack_top, _data_load, _data_start, _data_end, _bss_start, _bss_end;

int main(void);

// Not in main's frame: the compiler may use floating-point registers there.
__attribute__((noreturn, used)) static void start(void) {
    memcpy(&_data_start, &_data_load, (char *)&_data_end - (char *)&_data_start);
    memset(&_bss_start, 0, (char *)&_bss_end - (char *)&_bss_start);
    SCB_CCR |= SCB_CCR_DIV_0_TRP;
    main();
    system_reset();
}

__attribute__((naked, noreturn)) static void reset_handler(void) {
    __asm volatile (
        "cpsid i\n"
        "ldr r0, =_stack_top\n"
        "msr msp, r0\n"
        // CPACR: both halves of the FPU, before any code that the compiler may give FPU instructions.
        "ldr r0, =0xE000ED88\n"
        "ldr r1, [r0]\n"
        "orr r1, r1, #0xF00000\n"
        "str r1, [r0]\n"
        "dsb\n"
        "isb\n"
        "b %c0\n"
        :: "i" (start));
}

__attribute__((weak)) void systick_handler(void) {
}

__attribute__((section(".vectors"), used)) const void *const vectors[16] = {
    &_stack_top,
    reset_handler,
    fault_handler, // NMI: the watchdog's last word, on boards that have one
    fault_handler, // HardFault
    fault_handler, // MemManage
    fault_handler, // BusFault
    fault_handler, // UsageFault
    0, 0, 0, 0,
    fault_handler, // SVCall: nothing here calls one
    fault_handler, // DebugMonitor
    0,
    fault_handler, // PendSV
    systick_handler, // an empty one of startup.c's where nothing uses SysTick
};
