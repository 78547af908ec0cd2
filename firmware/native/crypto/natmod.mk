# microbrew_native as a loadable .mpy, in the current directory: make -f .../natmod.mk ARCH=x64|armv7m MPY_DIR=...
# ARCH names what MicroPython calls it; armv7m is compiled for Cortex-M4, which has the fast multiplier.

NATIVE_DIR := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
MOD = microbrew_native
include $(NATIVE_DIR)/sources.mk

SRC = $(NATIVE_MODULE) $(NATIVE_LIBRARY)
vpath %.c $(NATIVE_DIR)

# Hidden, or every call would go through a table; no jump tables, which would need one too.
CFLAGS_EXTRA = -I$(NATIVE_DIR) $(NATIVE_INCLUDES) -fvisibility=hidden -fno-jump-tables
ifeq ($(ARCH),armv7m)
CFLAGS_EXTRA += -mcpu=cortex-m4
endif

include $(MPY_DIR)/py/dynruntime.mk

# dynruntime.mk knows of no headers.
$(SRC_O): $(wildcard $(NATIVE_DIR)/*.h)
