// What a board supplies to the port, and all it supplies. One folder per board implements it (boards/README.md).
//
// Sizes come from board_config.h of the same folder: BOARD_NAME, BOARD_MCU, BOARD_CLOCK_HZ, BOARD_UARTS,
// BOARD_FLASH_SIZE, BOARD_FLASH_BLOCK. Optional there: BOARD_HAS_RESET_CAUSE, BOARD_HAS_KEY, BOARD_HAS_EUI64 (the
// unique id is an EUI-64 that the chip's maker assigned), BOARD_TICKS_STEP_US (of ticks_us()), BOARD_WATCHDOG_EXCEPTION (the
// exception number of its warning, if not the NMI).

#ifndef MICROBREW_BOARD_H
#define MICROBREW_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board_config.h"

// Clocks, pins, interrupt priorities, flash; before anything else, interrupts still off.
void board_init(void);

// Bytes of Python heap to use, at most `room`, which is what the linker script left.
size_t board_heap_size(size_t room);

// UARTs 0 .. BOARD_UARTS - 1; 0 is the console. A receive interrupt hands its bytes to uart_receive() of uart.h
// and stops itself while that has no room; board_uart_rx_resume() lets it go on. Safe to call when it never stopped.
void board_uart_init(unsigned port, uint32_t baudrate);
void board_uart_rx_resume(unsigned port);
bool board_uart_tx_ready(unsigned port);
// Only when ready. Also used by the fault report, with all interrupts off.
void board_uart_tx(unsigned port, uint8_t byte);

// The store's flash: offsets from its own beginning. Programming clears bits only; an erased byte is 0xff. On return
// it is on the medium. False: the medium failed.
bool board_flash_read(uint32_t offset, void *buf, size_t length);
bool board_flash_program(uint32_t offset, const void *buf, size_t length);
bool board_flash_erase(uint32_t block);

// Bytes fit for keys. False: there are none, and then the caller fails; never a weaker substitute.
bool board_entropy(void *buf, size_t length);

// 8 bytes that tell this chip from others of its kind.
void board_unique_id(uint8_t id[8]);

#if BOARD_HAS_RESET_CAUSE
#include "fault.h"
// Why the chip was reset if its hardware tells, else 0. Asked once.
enum reset_cause board_reset_cause(void);
#endif

#if BOARD_HAS_KEY
// The device's own private key, in flash beside the store. read: false if there is none. write: in place of a former
// one; a power cut in it leaves none. lock: neither until the next reset, whoever asks.
#define BOARD_KEY_LENGTH 32
bool board_key_read(uint8_t key[BOARD_KEY_LENGTH]);
bool board_key_write(const uint8_t key[BOARD_KEY_LENGTH]);
void board_key_lock(void);
#endif

// Start the watchdog, for good; it resets the chip unless fed each `timeout_ms`. False: it cannot be that long.
bool board_watchdog_start(uint32_t timeout_ms);
void board_watchdog_feed(void);

#endif
