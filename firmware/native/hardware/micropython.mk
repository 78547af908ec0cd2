# microbrew_hardware as a user C module, for boards whose board.mk names the chip in BOARD_AES.

ifneq ($(BOARD_AES),)
SRC_USERMOD_C += $(USERMOD_DIR)/modmicrobrew_hardware.c
SRC_USERMOD_LIB_C += $(USERMOD_DIR)/ccm.c $(USERMOD_DIR)/$(BOARD_AES)_aes.c
CFLAGS_USERMOD += -I$(USERMOD_DIR) -I$(USERMOD_DIR)/../crypto
endif
