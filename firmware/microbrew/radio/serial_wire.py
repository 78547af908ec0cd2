"""Messages between a MAC and its radio over a byte stream: framing, checksum, names. docs/serial-radio.md has it all.

A message is ``type seq content crc32``, stuffed by COBS (Cheshire and Baker, 1997) between two zero bytes. COBS,
because its cost does not depend on the content, which strangers on air choose: one byte, where HDLC's escapes may
double a frame. CRC-32, because interpreters have it in C; a 16-bit one of our own costs 200 times as much per message.
Shared by both ends, serial.py and serial_end.py. Left out: retransmission; a lost frame is lost as on air.
"""

from binascii import crc32

from microbrew.compat import const

VERSION = const(1)

# From the MAC to the radio.
RESET = const(0x01)
CONFIGURE = const(0x02)
TRANSMIT = const(0x03)
ENERGY = const(0x04)
# From the radio to the MAC.
HELLO = const(0x81)
RESULT = const(0x82)
RECEIVED = const(0x83)
ENERGY_LEVEL = const(0x84)
ERROR = const(0x8F)

# Status in a RESULT.
OK = const(0)
NO_ACK = const(1)
BUSY = const(2)
NOT_CONFIGURED = const(3)
REFUSED = const(4)
UNKNOWN = const(5)
OVERLOAD = const(6)

# Codes in an ERROR.
OVERFLOW = const(1)
FAULT = const(2)

# Flags in a HELLO.
HARDWARE_ACK = const(1)
CAN_BE_PROMISCUOUS = const(2)

# Flags in a CONFIGURE.
PROMISCUOUS = const(1)

# Where content begins in the buffers of Writer and Reader, and how much of it there may be.
CONTENT = const(4)
MAX_CONTENT = const(154)

_KIND = const(2)
_SEQ = const(3)
_CRC_LEN = const(4)
# Zero, first code, type, seq, content, checksum, zero. Shorter than 254, so that COBS has no full blocks.
_MAX_WIRE = const(163)
_ZERO = b"\x00"


def stuff(buf, end):
    """Replace the zeros in ``buf[2:end]`` by distances, the first of them at 1; zeros at 0 and ``end`` enclose it."""
    code = 1
    while True:
        zero = buf.find(_ZERO, code + 1, end)
        if zero < 0:
            break
        buf[code] = zero - code
        code = zero
    buf[code] = end - code
    buf[0] = buf[end] = 0


def unstuff(buf, end):
    """Undo ``stuff`` for ``buf[1:end]``, in which no byte is zero. False: these bytes are no message."""
    pos = 1
    while pos < end:
        step = buf[pos]
        buf[pos] = 0
        pos += step
    return pos == end


class Writer:
    """Puts messages out. ``write(view)`` takes bytes and returns how many; None or less than all: the line is full."""

    def __init__(self, write):
        self.buf = bytearray(_MAX_WIRE)
        self._view = memoryview(self.buf)
        self._write = write
        self._seq = 0

    def send(self, kind, length):
        """Send ``buf[CONTENT:CONTENT + length]``, which is destroyed: its sequence number, or -1 if it was lost."""
        buf = self.buf
        end = CONTENT + length
        seq = self._seq = (self._seq + 1) & 0xFF
        buf[_KIND] = kind
        buf[_SEQ] = seq
        buf[end : end + _CRC_LEN] = crc32(self._view[_KIND:end]).to_bytes(_CRC_LEN, "big")
        end += _CRC_LEN
        stuff(buf, end)
        try:
            return seq if self._write(self._view[: end + 1]) == end + 1 else -1
        except OSError:
            return -1


class Reader:
    """Finds messages in a stream. ``count(name)`` counts noise, oversized, duplicate, gap (messages were lost)."""

    def __init__(self, count):
        self.buf = bytearray(_MAX_WIRE)
        self.view = memoryview(self.buf)
        # Of the message in ``buf[CONTENT:CONTENT + length]``; kind 0: there is none.
        self.kind = 0
        self.seq = -1
        self.length = 0
        self._end = 1
        self._count = count

    def clear(self):
        """Forget the beginning of a message: the stream begins anew."""
        self._end = 1

    def take(self, data, pos, end):
        """Go on with ``data[pos:end]`` to the end of one message at most: the position behind it. Sets ``kind``."""
        stop = data.find(_ZERO, pos, end)
        upto = end if stop < 0 else stop
        fill = self._end + upto - pos
        if fill < _MAX_WIRE:
            self.buf[self._end : fill] = memoryview(data)[pos:upto]
        else:
            fill = _MAX_WIRE
        self._end = fill
        self.kind = 0
        if stop < 0:
            return end
        self._end = 1
        if fill == _MAX_WIRE:
            self._count("oversized")
        # Two zeros side by side are nothing.
        elif fill > 1:
            self._open(fill)
        return stop + 1

    def _open(self, end):
        buf = self.buf
        stop = end - _CRC_LEN
        if (
            stop < CONTENT
            or not unstuff(buf, end)
            or crc32(self.view[_KIND:stop]) != int.from_bytes(self.view[stop:end], "big")
        ):
            self._count("noise")
            return
        kind = buf[_KIND]
        seq = buf[_SEQ]
        if kind != RESET and kind != HELLO and self.seq >= 0:
            if seq == self.seq:
                self._count("duplicate")
                return
            if seq != (self.seq + 1) & 0xFF:
                self._count("gap")
        self.kind = kind
        self.seq = seq
        self.length = stop - CONTENT
