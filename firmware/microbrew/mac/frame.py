"""IEEE 802.15.4 MAC header: parse any 2003/2006/2015 frame that concerns us, write the forms that we send.

A header runs from the frame control field over sequence number, addressing and the auxiliary security header
to the end of the header IEs. Numbers on the air are little endian and addresses least significant byte first;
here addresses are ``bytes``, most significant first, and PAN ids integers. Buffers hold the PSDU without FCS.

Sent: version 1 data with extended addresses or to broadcast, version 2 enhanced beacons, immediate
acknowledgements. Left out: multipurpose, fragment and extended frames, frames of version 3, security of 2003.
"""

from microbrew.compat import const
from microbrew.mac import ie

BEACON = const(0)
DATA = const(1)
ACK = const(2)
COMMAND = const(3)

MAX_LEN = const(125)
BROADCAST = b"\xff\xff"
BROADCAST_PAN = const(0xFFFF)

# Header sizes of what we send.
DATA_HEADER_LEN = const(21)
AUX_LEN = const(6)

_SECURITY = const(0x0008)
_ACK_REQUEST = const(0x0020)
_PAN_COMPRESSION = const(0x0040)
_NO_SEQUENCE = const(0x0100)
_IES = const(0x0200)

_VERSION_2003 = const(0)
_VERSION_2015 = const(2)

_ADDRESS_LEN = b"\x00\xff\x02\x08"
_KEY_ID_LEN = b"\x00\x01\x05\x09"
_MIC_LEN = b"\x00\x04\x08\x10"


def mic_len(level):
    """Length of the message integrity code at a security level 0..7."""
    return _MIC_LEN[level & 3]


def get_address(buf, pos, length):
    """Address of ``length`` bytes at ``pos`` of a frame as ``bytes``, most significant first."""
    out = bytearray(length)
    last = pos + length - 1
    for i in range(length):
        out[i] = buf[last - i]
    return bytes(out)


def put_address(buf, pos, address):
    """Write an address in the order of the air; the position behind it."""
    pos += len(address)
    for i in range(len(address)):
        buf[pos - 1 - i] = address[i]
    return pos


class Frame:
    """The header of one received frame; reusable, ``parse`` sets every field.

    ``seq`` is -1 when suppressed, ``dest_pan`` and ``src_pan`` are -1 when the frame does not tell, ``dest``
    and ``src`` are None, 2 or 8 bytes. ``level`` is 0 for an unsecured frame; ``counter`` is -1 when
    suppressed (TSCH); it, ``key_mode`` and ``key_index`` mean nothing when ``level`` is 0. The header ends at
    ``header_end``, the payload (still protected) at ``end``, the MIC at ``length``.
    """

    __slots__ = (
        "ack_request",
        "counter",
        "dest",
        "dest_pan",
        "end",
        "header_end",
        "key_index",
        "key_mode",
        "kind",
        "length",
        "level",
        "payload_ies",
        "seq",
        "src",
        "src_pan",
        "version",
    )

    def parse(self, buf, length):
        """Read the header of ``buf[:length]``: None, or the name of the counter of what is wrong with it."""
        if length < 3 or length > MAX_LEN:
            return "bad_length"
        control = buf[0] | buf[1] << 8
        kind = control & 7
        version = control >> 12 & 3
        if kind > COMMAND or version > _VERSION_2015:
            return "bad_type"
        self.kind = kind
        self.version = version
        self.length = length
        self.ack_request = control & _ACK_REQUEST != 0
        if version == _VERSION_2015 and control & _NO_SEQUENCE:
            self.seq = -1
            pos = 2
        else:
            self.seq = buf[2]
            pos = 3
        pos = self._addressing(buf, pos, length, control)
        if pos < 0:
            return "bad_address"
        self.level = 0
        self.payload_ies = False
        if control & _SECURITY:
            pos = self._auxiliary(buf, pos, length)
            if pos < 0:
                return "bad_security"
        self.end = length - mic_len(self.level)
        if pos > self.end:
            return "bad_length"
        if version == _VERSION_2015 and control & _IES:
            pos, self.payload_ies = ie.header_end(buf, pos, self.end)
            if pos < 0:
                return "bad_ie"
        self.header_end = pos
        return None

    def _addressing(self, buf, pos, length, control):
        dest_len = _ADDRESS_LEN[control >> 10 & 3]
        src_len = _ADDRESS_LEN[control >> 14]
        if dest_len > 8 or src_len > 8:
            return -1
        compressed = control & _PAN_COMPRESSION != 0
        if self.version < _VERSION_2015:
            has_dest_pan = dest_len != 0
            has_src_pan = src_len != 0 and not compressed
        elif dest_len and src_len:
            # Two extended addresses share one PAN id or none; otherwise compression drops the second one.
            both_extended = dest_len + src_len == 16
            has_dest_pan = not (both_extended and compressed)
            has_src_pan = not (both_extended or compressed)
        elif dest_len or src_len:
            has_dest_pan = dest_len != 0 and not compressed
            has_src_pan = src_len != 0 and not compressed
        else:
            has_dest_pan = compressed
            has_src_pan = False
        if pos + dest_len + src_len + (2 if has_dest_pan else 0) + (2 if has_src_pan else 0) > length:
            return -1
        self.dest = self.src = None
        self.dest_pan = -1
        if has_dest_pan:
            self.dest_pan = buf[pos] | buf[pos + 1] << 8
            pos += 2
        if dest_len:
            self.dest = get_address(buf, pos, dest_len)
            pos += dest_len
        self.src_pan = self.dest_pan
        if has_src_pan:
            self.src_pan = buf[pos] | buf[pos + 1] << 8
            pos += 2
        if src_len:
            self.src = get_address(buf, pos, src_len)
            pos += src_len
        return pos

    def _auxiliary(self, buf, pos, length):
        if self.version == _VERSION_2003 or pos >= length:
            return -1
        control = buf[pos]
        pos += 1
        level = control & 7
        # Level 0 contradicts the security bit; level 4, encryption without a MIC, is withdrawn.
        if level & 3 == 0:
            return -1
        self.level = level
        self.key_mode = control >> 3 & 3
        suppressed = control & 0x20
        key_len = _KEY_ID_LEN[self.key_mode]
        if pos + (0 if suppressed else 4) + key_len > length:
            return -1
        self.counter = -1
        if not suppressed:
            self.counter = buf[pos] | buf[pos + 1] << 8 | buf[pos + 2] << 16 | buf[pos + 3] << 24
            pos += 4
        pos += key_len
        # In modes 1 to 3 the index is the last octet of the key identifier.
        self.key_index = buf[pos - 1] if key_len else 0
        return pos


def put_data(buf, seq, pan_id, dest, src, ack_request, secured):
    """Header of a version 1 data frame, PAN id compressed; ``dest`` None: broadcast. The header's length."""
    buf[0] = 0x41 | (_SECURITY if secured else 0) | (_ACK_REQUEST if ack_request else 0)
    buf[1] = 0xD8 if dest is None else 0xDC
    return _put_addressing(buf, seq, pan_id, BROADCAST if dest is None else dest, src)


def put_beacon(buf, seq, pan_id, src, secured):
    """Header of an enhanced beacon (version 2, IEs follow) up to its addresses. The header's length."""
    buf[0] = 0x40 | (_SECURITY if secured else 0)
    buf[1] = 0xEA
    return _put_addressing(buf, seq, pan_id, BROADCAST, src)


def _put_addressing(buf, seq, pan_id, dest, src):
    buf[2] = seq
    buf[3] = pan_id & 0xFF
    buf[4] = pan_id >> 8
    return put_address(buf, put_address(buf, 5, dest), src)


def put_aux(buf, pos, level, counter, key_index):
    """Auxiliary security header with frame counter and key id mode 1; the position behind it."""
    buf[pos] = level | 0x08
    for i in range(4):
        buf[pos + 1 + i] = counter >> 8 * i & 0xFF
    buf[pos + 5] = key_index
    return pos + AUX_LEN


def put_ack(buf, seq):
    """An immediate acknowledgement; its length."""
    buf[0] = 0x02
    buf[1] = 0x00
    buf[2] = seq
    return 3
