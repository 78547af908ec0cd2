// What only TI's own code can do: trim the chip from its factory values, run from the crystal, patch the RF core's ROM.
// In an image that was built without TI_SDK_DIR these do nothing; it works in an emulator, and on silicon without radio.

#ifndef MICROBREW_TI_SDK_H
#define MICROBREW_TI_SDK_H

#include <stdbool.h>
#include <stdint.h>

#define TI_SDK_PRESENT (TI_SDK)

// First of all, once after reset.
void ti_sdk_trim(void);
// The radio needs the 48 MHz crystal. False: it has not started within `timeout_ms`.
bool ti_sdk_crystal_on(uint32_t timeout_ms);
// Between the RF core's boot and its first command, each time that it was without power.
void ti_sdk_patch_rf_core(void);

#endif
