# microbrew_radio as a user C module, for boards whose board.mk names the chip in BOARD_RADIO.

ifeq ($(BOARD_RADIO),nrf52840)
SRC_USERMOD_C += $(USERMOD_DIR)/modmicrobrew_radio.c
SRC_USERMOD_LIB_C += $(addprefix $(USERMOD_DIR)/, csma.c frame_filter.c nrf52840_core.c)
CFLAGS_USERMOD += -I$(USERMOD_DIR)
endif
