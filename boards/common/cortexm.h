// The registers of ARMv7-M (ARMv7-M Architecture Reference Manual, chapter B3) that the port uses. Our own few
// lines instead of CMSIS, which every vendor ships in another version.

#ifndef MICROBREW_CORTEXM_H
#define MICROBREW_CORTEXM_H

#include <stdint.h>

#define REG32(address) (*(volatile uint32_t *)(address))

#define SYST_CSR REG32(0xE000E010)
#define SYST_RVR REG32(0xE000E014)
#define SYST_CVR REG32(0xE000E018)
#define SYST_CSR_ENABLE (1u << 0)
#define SYST_CSR_TICKINT (1u << 1)
#define SYST_CSR_CLKSOURCE (1u << 2)

#define NVIC_ISER(n) REG32(0xE000E100 + 4 * (n))
#define NVIC_ICER(n) REG32(0xE000E180 + 4 * (n))

#define SCB_ICSR REG32(0xE000ED04)
#define SCB_VTOR REG32(0xE000ED08)
#define SCB_AIRCR REG32(0xE000ED0C)
#define SCB_CCR REG32(0xE000ED14)
#define SCB_CFSR REG32(0xE000ED28)
#define SCB_HFSR REG32(0xE000ED2C)
#define SCB_MMFAR REG32(0xE000ED34)
#define SCB_BFAR REG32(0xE000ED38)
#define SCB_CPACR REG32(0xE000ED88)
#define SCB_ICSR_PENDSTSET (1u << 26)
#define SCB_AIRCR_SYSRESETREQ 0x05FA0004u
#define SCB_CCR_DIV_0_TRP (1u << 4)
#define SCB_CPACR_FPU_FULL (0xFu << 20)

static inline void irq_enable(unsigned irq) {
    NVIC_ISER(irq >> 5) = 1u << (irq & 31);
}

static inline void irq_disable(unsigned irq) {
    NVIC_ICER(irq >> 5) = 1u << (irq & 31);
    __asm volatile ("dsb; isb" ::: "memory");
}

// Interrupts off; the previous state, for irq_restore().
static inline uint32_t irq_save(void) {
    uint32_t state;
    __asm volatile ("mrs %0, primask; cpsid i" : "=r" (state) :: "memory");
    return state;
}

static inline void irq_restore(uint32_t state) {
    __asm volatile ("msr primask, %0" :: "r" (state) : "memory");
}

static inline void wait_for_interrupt(void) {
    __asm volatile ("dsb; wfi" ::: "memory");
}

__attribute__((noreturn)) static inline void system_reset(void) {
    __asm volatile ("dsb" ::: "memory");
    SCB_AIRCR = SCB_AIRCR_SYSRESETREQ;
    for (;;) {
    }
}

#endif
