// Which received frames are for this node and which of them are acknowledged (IEEE 802.15.4-2015 sections 6.7.2 and
// 6.7.4.2). No registers, no state: tested on the host against mac/frame.py.

#ifndef MB_FRAME_FILTER_H
#define MB_FRAME_FILTER_H

#include <stdint.h>

#define MB_NO_PAN 0xFFFFu
#define MB_NO_SHORT 0xFFFFu

// Who this node is. The EUI-64 in the order of the air, least significant byte first.
struct mb_address {
    uint16_t pan_id;
    uint16_t short_address;
    uint8_t eui64[8];
};

enum {
    MB_PASS = 1, // for this node
    MB_ACKNOWLEDGE = 2, // wants an immediate acknowledgement
    MB_ACKNOWLEDGE_ENHANCED = 4, // version 2: wants an enhanced one
    MB_IS_ACK = 8, // is an acknowledgement; whose, only its sequence number tells
};

// Verdict on a frame of `length` bytes without FCS: flags of the above, 0 to drop it.
//
// Beacons of the PAN, or of all while there is none; acknowledgements; data and commands to one of the addresses or to
// broadcast, in the PAN. Without a PAN no data. Only unicast data and commands with a sequence number are acknowledged.
unsigned mb_frame_filter(const uint8_t *frame, unsigned length, const struct mb_address *own);

#endif
