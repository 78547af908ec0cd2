// Sizes of the CC2652R on its LaunchPad; see boards/common/board.h.

#define BOARD_NAME "cc2652"
#define BOARD_MCU "CC2652R"
#define BOARD_CLOCK_HZ 48000000u
#define BOARD_UARTS 2
#define BOARD_HAS_EUI64 1

// A page of the flash is the least that can be erased. How many there are for the store: board.mk.
#define BOARD_FLASH_BLOCK 8192
#define BOARD_FLASH_SIZE (BOARD_STORE_PAGES * BOARD_FLASH_BLOCK)

// Two units of the real-time clock that time comes from (ticks_rtc.c).
#define BOARD_TICKS_STEP_US 31

// With 80 KiB of RAM every buffer counts.
#define BOARD_UART_RING 512
#define MICROPY_REPL_STDIN_BUFFER_MAX (256)

// What the linker script leaves, unless HEAP= asks for less.
#ifndef BOARD_HEAP
#define BOARD_HEAP SIZE_MAX
#endif

// 352 KiB of flash: no floating point, which the firmware does not use, and less to play with at the REPL.
#define BOARD_SMALL_FLASH 1
#define MICROPY_PY_DEFLATE (0)
