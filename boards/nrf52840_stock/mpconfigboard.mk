# Board files of upstream's nrf port (make BOARD_DIR=) for the nRF52840 DK with our package and native module inside.
# ROOT, MBEDTLS_DIR and BEARSSL_DIR come from the project's Makefile.

MCU_SERIES = m4
MCU_VARIANT = nrf52
MCU_SUB_VARIANT = nrf52840
LD_FILES += $(ROOT)/boards/nrf52840_stock/memory.ld
NRF_DEFINES += -DNRF52840_XXAA

# The store, on littlefs.
MICROPY_VFS_LFS2 = 1
FS_SIZE = 256K

MICROPY_PY_ASYNCIO = 0
FROZEN_MANIFEST = $(ROOT)/boards/nrf52840_stock/manifest.py
USER_C_MODULES = $(ROOT)/firmware/native
# The library is compiled with its own warnings, and LTO hides which part takes the flash.
LTO = 0

include $(ROOT)/mpconfig/mbedtls.mk

# boardmodules.h has the last word on the configuration.
CFLAGS += -DBOARD_SPECIFIC_MODULES
INC += -I$(ROOT)/boards/nrf52840_stock

# The radio driver is in viper.
MPY_CROSS_FLAGS += -march=armv7emsp
