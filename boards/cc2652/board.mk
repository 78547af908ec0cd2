# TI LAUNCHXL-CC26X2R1: CC2652R, a Cortex-M4F at 48 MHz with an RF core.
BOARD_CPU := -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard
BOARD_LD := board.ld
BOARD_C := board.c ccfg.c entropy.c flash.c ieee_radio.c modcc2652_radio.c rf_core.c ti_sdk.c ticks_rtc.c
BOARD_TICKS := board

SRC_QSTR += $(BOARD_DIR)/modcc2652_radio.c

# firmware/native/hardware/micropython.mk builds AES by this chip's crypto core into the image.
BOARD_AES := cc2652
export BOARD_FREEZES := microbrew/crypto/hardware.py microbrew/radio/cc2652.py

# Pages of the store: superblock and two directories take two each, a record of more than 512 bytes one. The same in
# both variants, so that one finds what the other has written.
STORE_PAGES := 9
# LOCK=1: no debugger (ccfg.c).
CFLAGS += -DBOARD_LOCK=$(or $(LOCK),0)
CFLAGS += -DNDEBUG -DBOARD_STORE_PAGES=$(STORE_PAGES)
LDFLAGS += -Wl,--defsym=_store_pages=$(STORE_PAGES)
# A developer's image has the frozen code of a release and what gives a device its identity: the rest would not fit.
FROZEN_MANIFEST := $(ROOT)/mpconfig/manifest_release.py
FROZEN_FOR := $(if $(filter dev,$(VARIANT)),$(ROOT)/mpconfig/console.py)

# The directory `source` of a SimpleLink SDK for the CC26x2, or one that holds ti/devices/cc13x2_cc26x2. Its files trim
# the chip, start the crystal and patch the RF core; they are TI's, and none of them is here.
ifneq ($(TI_SDK_DIR),)
TI_DRIVERLIB := $(TI_SDK_DIR)/ti/devices/cc13x2_cc26x2
ifneq ($(words $(wildcard $(addprefix $(TI_DRIVERLIB)/, driverlib/setup.c rf_patches/rf_patch_cpe_multi_protocol.h))),2)
$(error TI_SDK_DIR=$(TI_SDK_DIR) has no ti/devices/cc13x2_cc26x2/driverlib: name the directory `source` of the SDK)
endif
TI_DRIVERLIB_C := aux_sysif chipinfo cpu ddi osc prcm setup setup_rom sys_ctrl vims aon_rtc
CFLAGS += -DTI_SDK=1
OBJ_BOARD := $(addprefix $(BUILD)/ti/, $(addsuffix .o, $(TI_DRIVERLIB_C)))
# Its headers do not keep to our warnings, and there is no reason why they should.
$(BUILD)/board/ti_sdk.o $(OBJ_BOARD): CFLAGS += -isystem $(TI_SDK_DIR) -w
.DEFAULT_GOAL := all
$(BUILD)/ti/%.o: $(TI_DRIVERLIB)/driverlib/%.c
	$(call compile_c)
else
CFLAGS += -DTI_SDK=0
.DEFAULT_GOAL := all
all: without-ti-sdk
.PHONY: without-ti-sdk
without-ti-sdk: $(BUILD)/firmware.elf
	@echo "*** THIS IMAGE IS FOR EMULATION. ITS RADIO DOES NOT WORK ON SILICON." >&2
	@echo "*** Built without TI_SDK_DIR=, it lacks: the chip's trim (SetupTrimDevice), the switch to the 48 MHz" >&2
	@echo "*** crystal (OSC/DDI), and the RF core's patch (rf_patch_cpe_multi_protocol). See docs/cc2652.md." >&2
endif
