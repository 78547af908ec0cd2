# microbrew_hardware as a user C module, for boards whose board.mk names the chip in BOARD_AES.

ifeq ($(BOARD_AES),nrf52840)
SRC_USERMOD_C += $(USERMOD_DIR)/modmicrobrew_hardware.c
SRC_USERMOD_LIB_C += $(USERMOD_DIR)/ccm.c
CFLAGS_USERMOD += -I$(USERMOD_DIR) -I$(USERMOD_DIR)/../crypto
endif
