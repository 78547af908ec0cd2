// The names by which MicroPython calls ticks.h, and the console on UART 0.

#include "cortexm.h"
#include "ticks.h"

#define MICROPY_BEGIN_ATOMIC_SECTION() irq_save()
#define MICROPY_END_ATOMIC_SECTION(state) irq_restore(state)

#define mp_hal_ticks_ms ticks_ms
#define mp_hal_ticks_us ticks_us
#define mp_hal_ticks_cpu ticks_cpu

#define MICROPY_INTERNAL_WFE(timeout_ms) ticks_wait(timeout_ms)

void mp_hal_set_interrupt_char(int c);
