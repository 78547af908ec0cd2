# The files of the module, for the forms that are built by make. BEARSSL_DIR: the library's source tree, from which the
# *_bearssl.c files include what they need; `make sources` fetches it.

BEARSSL_DIR ?= $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../../../build/src/bearssl)

NATIVE_MODULE := modmicrobrew_native.c
NATIVE_LIBRARY := p256_bearssl.c symmetric_bearssl.c x25519_bearssl.c
NATIVE_INCLUDES = -I$(BEARSSL_DIR)/inc -I$(BEARSSL_DIR)/src
