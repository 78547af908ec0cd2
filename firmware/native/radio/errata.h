// What the nRF52840's radio does otherwise than its registers promise, and constants of its analogue part. All in one
// place, to be checked against Nordic's errata document of the revision at hand (FICR INFO.VARIANT); none of it has
// been tried on silicon here.
//
// Numbers by memory, Nordic's document was not at hand. 143 and 245 concern BLE addresses and whitening, 164 and 191
// long range: nothing to do. 204 (emissions when switching directly between TX and RX): each switch goes through
// DISABLED, but for CCAIDLE to TXEN, which is the specification's own sequence. 153 (RSSI drifts with temperature by
// a few dB) is left uncorrected: RSSI, LQI and energy are for people and for rough choices here.

#ifndef MB_ERRATA_H
#define MB_ERRATA_H

// The event END comes that much after the last bit has left the air, as other open drivers of this radio reckon.
#define END_LATENCY_US 23u

// Specification, "Radio, energy detection": dBm for a sample of 0, and the factor to the 0 .. 255 of IEEE 802.15.4.
#define ED_OFFSET_DBM (-92)
#define LQI_SCALE 4u

// Energy above -72 dBm means busy: mode 0, threshold 20.
#define CCA_CONTROL (20u << 8)

static inline void apply_errata(void) {
}

#endif
