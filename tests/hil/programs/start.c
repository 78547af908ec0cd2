#include "start.h"

extern uint32_t _stack_top, _bss_start, _bss_end;

volatile uint32_t result[64] __attribute__((section(".result")));

static void unexpected(void) {
    __asm volatile ("mrs r0, ipsr; bkpt 0");
    for (;;) {
    }
}

__attribute__((naked)) static void reset(void) {
    // CPACR: the FPU is on.
    __asm volatile ("ldr r0, =0xE000ED88; ldr r1, =0xF00000; str r1, [r0]; dsb; isb; b enter");
}

__attribute__((used)) static void enter(void) {
    for (uint32_t *word = &_bss_start; word < &_bss_end; word++) {
        *word = 0;
    }
    main();
    __asm volatile ("cpsid i");
    for (;;) {
        __asm volatile ("wfi");
    }
}

#define HANDLER(name) void name(void) __attribute__((weak, alias("unexpected")))
HANDLER(nmi); HANDLER(hard_fault); HANDLER(bus_fault); HANDLER(usage_fault); HANDLER(svcall); HANDLER(pendsv);
HANDLER(systick);
HANDLER(irq0); HANDLER(irq1); HANDLER(irq2); HANDLER(irq3); HANDLER(irq6); HANDLER(irq8); HANDLER(irq9);
HANDLER(irq11); HANDLER(irq12); HANDLER(irq13); HANDLER(irq14); HANDLER(irq16); HANDLER(irq17); HANDLER(irq20);
HANDLER(irq40);

__attribute__((section(".vectors"), used)) const void *const vectors[64] = {
    &_stack_top, reset, nmi, hard_fault, unexpected, bus_fault, usage_fault, 0, 0, 0, 0, svcall, unexpected, 0, pendsv,
    systick,
    [16] = irq0, [17] = irq1, [18] = irq2, [19] = irq3, [22] = irq6, [24] = irq8, [25] = irq9, [27] = irq11,
    [28] = irq12, [29] = irq13, [30] = irq14, [32] = irq16, [33] = irq17, [36] = irq20, [56] = irq40,
};
