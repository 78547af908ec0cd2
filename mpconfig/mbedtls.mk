# cryptolib.aes and hashlib.sha256 over a few files of mbedTLS, on every board alike, without MicroPython's TLS.
# Needs ROOT and MBEDTLS_DIR; include it before py/py.mk.

CFLAGS += -DMICROPY_SSL_MBEDTLS=1 -DMBEDTLS_CONFIG_FILE='"$(ROOT)/mpconfig/mbedtls_config.h"'
CFLAGS += -I$(MBEDTLS_DIR)/include

SRC_THIRDPARTY_C += $(addprefix mbedtls/, aes.c platform_util.c sha256.c)

$(BUILD)/mbedtls/%.o: $(MBEDTLS_DIR)/library/%.c
	$(call compile_c)
