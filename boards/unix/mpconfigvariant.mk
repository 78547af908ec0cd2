# The unix port of MicroPython with our package frozen. Of its optional parts only those whose sources are here.
# ROOT, MBEDTLS_DIR: from the project's Makefile.

FROZEN_MANIFEST ?= $(ROOT)/mpconfig/manifest_unix.py
# As in boards/common/Makefile: the build looks for a README there and for nothing else.
MPY_LIB_DIR := $(TOP)

MICROPY_PY_BTREE := 0
MICROPY_PY_FFI := 0
MICROPY_PY_SSL := 0
MICROPY_PY_THREAD := 0
MICROPY_VFS_FAT := 0
MICROPY_VFS_LFS1 := 0

# The native modules.
USER_C_MODULES := $(ROOT)/firmware/native

include $(ROOT)/mpconfig/mbedtls.mk
