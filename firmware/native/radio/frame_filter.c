#include "frame_filter.h"

#include <stdbool.h>

#include "ramcode.h"

enum { BEACON, DATA, ACK, COMMAND };

#define ACK_REQUEST 0x0020u
#define PAN_COMPRESSION 0x0040u
#define NO_SEQUENCE 0x0100u
#define VERSION_2015 2u
#define RESERVED 15 // the length of an address of mode 1
#define ABSENT -1

// Modes 0, 2, 3: 0, 2, 8 bytes. A number to shift, because the compiler would make a table in flash of anything else.
MB_RAMCODE static inline int address_length(unsigned mode) {
    return 0x82F0 >> (4 * mode) & 15;
}

MB_RAMCODE static inline uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] | at[1] << 8);
}

// Not memcmp: that is in flash.
MB_RAMCODE static inline bool same(const uint8_t *a, const uint8_t *b) {
    for (unsigned i = 0; i < 8; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

// Which PAN ids a frame carries (IEEE 802.15.4-2015 table 7-2 for version 2).
MB_RAMCODE static inline void pan_fields(unsigned version, int dest, int src, bool compressed, bool *dest_pan,
    bool *src_pan) {
    if (version < VERSION_2015) {
        *dest_pan = dest != 0;
        *src_pan = src != 0 && !compressed;
    } else if (dest && src) {
        bool both_extended = dest == 8 && src == 8;
        *dest_pan = !(both_extended && compressed);
        *src_pan = !(both_extended || compressed);
    } else if (dest || src) {
        *dest_pan = dest != 0 && !compressed;
        *src_pan = src != 0 && !compressed;
    } else {
        *dest_pan = compressed;
        *src_pan = false;
    }
}

MB_RAMCODE unsigned mb_frame_filter(const uint8_t *frame, unsigned length, const struct mb_address *own) {
    if (length < 3) {
        return 0;
    }
    unsigned control = get16(frame);
    unsigned kind = control & 7;
    unsigned version = control >> 12 & 3;
    int dest = address_length(control >> 10 & 3);
    int src = address_length(control >> 14);
    if (kind > COMMAND || version > VERSION_2015 || dest == RESERVED || src == RESERVED) {
        return 0;
    }
    bool has_sequence = !(version == VERSION_2015 && (control & NO_SEQUENCE));
    bool has_dest_pan, has_src_pan;
    pan_fields(version, dest, src, control & PAN_COMPRESSION, &has_dest_pan, &has_src_pan);
    unsigned pos = has_sequence ? 3 : 2;
    if (pos + (has_dest_pan ? 2 : 0) + (unsigned)dest + (has_src_pan ? 2 : 0) + (unsigned)src > length) {
        return 0;
    }
    if (kind == ACK) {
        return MB_PASS | MB_IS_ACK;
    }
    int dest_pan = ABSENT;
    if (has_dest_pan) {
        dest_pan = get16(frame + pos);
        pos += 2;
    }
    const uint8_t *dest_at = frame + pos;
    pos += (unsigned)dest;
    if (kind == BEACON) {
        // A beacon is of its source's PAN, which is the destination's if only that is written.
        int pan = has_src_pan ? get16(frame + pos) : dest_pan;
        return own->pan_id == MB_NO_PAN || pan == own->pan_id ? MB_PASS : 0;
    }
    if (own->pan_id == MB_NO_PAN) {
        return 0;
    }
    // Where the PAN id is left out, the receiver's is meant.
    if (dest_pan != ABSENT && dest_pan != own->pan_id && dest_pan != MB_NO_PAN) {
        return 0;
    }
    if (dest == 2 && get16(dest_at) == 0xFFFF) {
        return MB_PASS;
    }
    bool ours = dest == 8 ? same(dest_at, own->eui64)
        : dest == 2 && own->short_address != MB_NO_SHORT && get16(dest_at) == own->short_address;
    if (!ours) {
        return 0;
    }
    if (!(control & ACK_REQUEST) || !has_sequence) {
        return MB_PASS;
    }
    return MB_PASS | (version == VERSION_2015 ? MB_ACKNOWLEDGE_ENHANCED : MB_ACKNOWLEDGE);
}
