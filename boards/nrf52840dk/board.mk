# Nordic nRF52840 DK (PCA10056): Cortex-M4F at 64 MHz, 1 MB of flash, 256 kB of RAM.
BOARD_CPU := -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard
BOARD_LD := board.ld
BOARD_C := board.c entropy.c entropy_health.c flash.c key.c ticks_timer.c uarte.c
# SysTick stops while the processor sleeps: time is ticks_timer.c's.
BOARD_TICKS := board
# firmware/native/radio/micropython.mk builds the radio core of this chip into the image.
BOARD_RADIO := nrf52840
# firmware/native/hardware/micropython.mk likewise, for AES by its ECB.
BOARD_AES := nrf52840
# Files of our package that only this chip has (mpconfig/manifest_device.py).
export BOARD_FREEZES := microbrew/crypto/hardware.py microbrew/radio/nrf52840.py
CFLAGS += -I$(ROOT)/firmware/native/crypto -I$(ROOT)/firmware/native/radio
