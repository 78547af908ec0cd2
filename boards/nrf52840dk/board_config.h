// Sizes of the nRF52840 DK; see boards/common/board.h.

#define BOARD_NAME "nrf52840dk"
#define BOARD_MCU "nRF52840"
#define BOARD_CLOCK_HZ 64000000u
#define BOARD_UARTS 2

// The last quarter of the flash is the store, in the chip's own pages (board.ld keeps code out of it).
#define BOARD_FLASH_BLOCK 4096
#define BOARD_FLASH_SIZE (64 * BOARD_FLASH_BLOCK)

// Hooks of boards/common/board.h that this board has.
#define BOARD_HAS_RESET_CAUSE 1
#define BOARD_HAS_KEY 1
// The watchdog's interrupt comes two LFCLK periods before its reset: time to keep the registers, not to print them.
#define BOARD_WATCHDOG_EXCEPTION (16 + 16)
