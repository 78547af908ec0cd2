#include "ti_sdk.h"

#if TI_SDK

#include <ti/devices/cc13x2_cc26x2/driverlib/osc.h>
#include <ti/devices/cc13x2_cc26x2/driverlib/setup.h>
#include <ti/devices/cc13x2_cc26x2/rf_patches/rf_patch_cpe_multi_protocol.h>

#include "cortexm.h"
#include "ticks.h"

void ti_sdk_trim(void) {
    SetupTrimDevice();
}

bool ti_sdk_crystal_on(uint32_t timeout_ms) {
    uint32_t since = ticks_ms();
    OSCHF_TurnOnXosc();
    for (;;) {
        // The switch itself runs in ROM, because a read of the flash at that moment may freeze the chip. So no interrupt.
        uint32_t state = irq_save();
        bool switched = OSCHF_AttemptToSwitchToXosc();
        irq_restore(state);
        if (switched || ticks_ms() - since > timeout_ms) {
            return switched;
        }
    }
}

void ti_sdk_patch_rf_core(void) {
    cleanMultiProtocolPatch();
    rf_patch_cpe_multi_protocol();
}

#else

void ti_sdk_trim(void) {
}

bool ti_sdk_crystal_on(uint32_t timeout_ms) {
    return true;
}

void ti_sdk_patch_rf_core(void) {
}

#endif
