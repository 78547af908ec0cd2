// Time since the start. ticks.c takes it from SysTick, one interrupt each millisecond; a board whose SysTick stops
// when the processor sleeps has its own (BOARD_TICKS := board in its board.mk).

#ifndef MICROBREW_TICKS_H
#define MICROBREW_TICKS_H

#include <stdint.h>

void ticks_init(void);
// Another beginning of time, and another pace of it: for an emulator, whose days may be short. Before ticks_init().
void ticks_shift(uint32_t start_ms, uint32_t ms_per_tick);
void systick_handler(void);

// Sleep until an interrupt brings something, at most that long; it may end early.
void ticks_wait(uint32_t timeout_ms);

// Wrap at 32 bits.
uint32_t ticks_ms(void);
uint32_t ticks_us(void);
// Processor clocks, BOARD_CLOCK_HZ a second.
uint32_t ticks_cpu(void);

#endif
