// Sizes of the emulated AN386; see boards/common/board.h.

#define BOARD_NAME "qemu_an386"
#define BOARD_MCU "Cortex-M4F"
#define BOARD_CLOCK_HZ 25000000u
#define BOARD_UARTS 2

// As pages of an nRF52840's flash are.
#define BOARD_FLASH_BLOCK 4096
#define BOARD_FLASH_SIZE (64 * BOARD_FLASH_BLOCK)

// What an nRF52840 would have left of its RAM; the option `heap=` of options.h, up to 4 MB, goes before.
#ifndef BOARD_HEAP
#define BOARD_HEAP (200 * 1024)
#endif
