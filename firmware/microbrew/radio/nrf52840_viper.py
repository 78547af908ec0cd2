# mypy: ignore-errors
# ruff: noqa: F821 (viper's types)
"""The nRF52840's transceiver from Python alone, for MicroPython images that are not ours: registers, no interrupt.

What that costs: one frame is kept, further ones that come before it is fetched are lost; and frames are acknowledged in
time only while ``wait`` waits, which is where an idle node is. A frame that comes while the node computes is
acknowledged by nobody, and sent again by who wants it to arrive. CSMA-CA, retries and the wait for acknowledgements
are mac/submac.py's, in milliseconds. Uses TIMER4 and PPI channel 19; the image must have no Bluetooth stack running.
Our own port does better: radio/nrf52840.py.
"""

import time

import micropython

from microbrew.compat import const
from microbrew.radio.api import DEFAULT_CHANNEL, Radio

_POLLS = const(200)


@micropython.viper
def _setup(channel: int):
    clock = ptr32(0x40000000)
    clock[0x100 >> 2] = 0
    clock[0] = 1
    while not clock[0x100 >> 2]:
        pass
    radio = ptr32(0x40001000)
    radio[0xFFC >> 2] = 0
    radio[0xFFC >> 2] = 1
    radio[0x510 >> 2] = 15
    radio[0x650 >> 2] = 0x201
    radio[0x514 >> 2] = 0x06000008
    radio[0x518 >> 2] = 0x7F
    radio[0x534 >> 2] = 0x202
    radio[0x538 >> 2] = 0x11021
    radio[0x53C >> 2] = 0
    radio[0x66C >> 2] = 20 << 8
    radio[0x508 >> 2] = 5 * (channel - 10)
    # TIMER4 counts us; RADIO's END is captured in its CC[0].
    timer = ptr32(0x4001B000)
    timer[0x504 >> 2] = 0
    timer[0x508 >> 2] = 3
    timer[0x510 >> 2] = 4
    timer[0] = 1
    ppi = ptr32(0x4001F000)
    ppi[(0x510 + 8 * 19) >> 2] = int(0x4000110C)
    ppi[(0x514 + 8 * 19) >> 2] = int(0x4001B040)
    ppi[0x504 >> 2] = 1 << 19


@micropython.viper
def _disable():
    radio = ptr32(0x40001000)
    radio[0x200 >> 2] = 0
    if radio[0x550 >> 2]:
        radio[0x110 >> 2] = 0
        radio[0x010 >> 2] = 1
        while not radio[0x110 >> 2]:
            pass


@micropython.viper
def _listen(buf: ptr8):
    """Receive into ``buf``; the transceiver is disabled before."""
    radio = ptr32(0x40001000)
    radio[0x504 >> 2] = int(buf)
    radio[0x10C >> 2] = 0
    radio[0x130 >> 2] = 0
    radio[0x138 >> 2] = 0
    radio[0x110 >> 2] = 0
    # RXREADY to START, ADDRESS to RSSISTART, END to DISABLE.
    radio[0x200 >> 2] = 1 << 19 | 1 << 4 | 1 << 1
    radio[0x004 >> 2] = 1


@micropython.viper
def _has_ended() -> int:
    radio = ptr32(0x40001000)
    if not radio[0x110 >> 2]:
        return 0
    return 1 if radio[0x130 >> 2] else 2


@micropython.viper
def _acknowledge(buf: ptr8, ack: ptr8, own: ptr8) -> int:
    """Acknowledge the frame in ``buf`` that just ended, if it is for ``own`` (PAN, EUI-64) and asks for it.

    The us from the frame's end to the start of the transmitter, 0 if there was nothing to do, -1 if it was too late.
    """
    # Data or command, acknowledgement requested; not version 2, extended destination.
    kind = buf[1] & 7
    if buf[0] < 16 or (kind != 1 and kind != 3) or not (buf[1] & 0x20) or (buf[2] & 0x3C) > 0x1C or not (buf[2] & 8):
        return 0
    if not (buf[2] & 4):
        return 0
    for i in range(10):
        if buf[4 + i] != own[i]:
            return 0
    radio = ptr32(0x40001000)
    timer = ptr32(0x4001B000)
    ack[3] = buf[3]
    radio[0x504 >> 2] = int(ack)
    radio[0x16C >> 2] = 0
    radio[0x110 >> 2] = 0
    # TXREADY to START, PHYEND to DISABLE.
    radio[0x200 >> 2] = 1 << 18 | 1 << 20
    timer[0x044 >> 2] = 1
    waited = timer[0x544 >> 2] - timer[0x540 >> 2]
    # 192 us less 40 of ramp-up less 23 that END comes after the frame.
    if waited > 135:
        return -1
    while waited < 129:
        timer[0x044 >> 2] = 1
        waited = timer[0x544 >> 2] - timer[0x540 >> 2]
    radio[0] = 1
    while not radio[0x110 >> 2]:
        pass
    return waited


@micropython.viper
def _send(buf: ptr8) -> int:
    """Look at the channel and send ``buf``; the transceiver is disabled before and after. 0: busy, not sent."""
    radio = ptr32(0x40001000)
    radio[0x504 >> 2] = int(buf)
    radio[0x148 >> 2] = 0
    radio[0x16C >> 2] = 0
    radio[0x110 >> 2] = 0
    # RXREADY to CCASTART, CCAIDLE to TXEN, CCABUSY to DISABLE, TXREADY to START, PHYEND to DISABLE.
    radio[0x200 >> 2] = 1 << 11 | 1 << 12 | 1 << 13 | 1 << 18 | 1 << 20
    radio[0x004 >> 2] = 1
    while not radio[0x110 >> 2]:
        pass
    return 1 if radio[0x16C >> 2] else 0


class ViperRadio(Radio):
    """The transceiver as ``eui64``, 8 bytes. ``counters``: acks, late_acks, crc_errors."""

    # As far as it can be; see above.
    hardware_ack = True
    # Our own loop is the slowest part of it.
    ack_wait_ms = 10

    def __init__(self, eui64):
        if len(eui64) != 8:
            raise ValueError("EUI-64 must be 8 bytes")
        self.eui64 = eui64
        self.lqi = 0
        self.counters = {"acks": 0, "late_acks": 0, "crc_errors": 0}
        # us from the end of the last acknowledged frame to the start of the transmitter.
        self.ack_us = 0
        # Kept for ever: the hardware writes to them.
        self._buffers = (bytearray(130), bytearray(130))
        self._out = bytearray(130)
        self._ack = bytearray(b"\x05\x02\x00\x00")
        self._own = bytearray(10)
        self._own[2:] = bytes(reversed(eui64))
        self._current = 0
        self._full = -1
        self._channel = DEFAULT_CHANNEL
        self.set_filter(0xFFFF, 0xFFFF)
        _setup(self._channel)
        _listen(self._buffers[0])

    def set_channel(self, channel):
        self._channel = channel
        _disable()
        _setup(channel)
        _listen(self._buffers[self._current])

    def set_filter(self, pan_id, short_address):
        self._own[0] = pan_id & 0xFF
        self._own[1] = pan_id >> 8

    def _fetch(self, in_time):
        """Look whether a frame has ended; if so go on with the other buffer. ``in_time``: it has only just."""
        ended = _has_ended()
        if not ended:
            return False
        if ended == 1 and self._full < 0:
            if in_time:
                waited = _acknowledge(self._buffers[self._current], self._ack, self._own)
                if waited > 0:
                    self.counters["acks"] += 1
                    self.ack_us = waited
                elif waited < 0:
                    self.counters["late_acks"] += 1
            self._full = self._current
            self._current ^= 1
        elif ended == 2:
            self.counters["crc_errors"] += 1
        _listen(self._buffers[self._current])
        return ended == 1

    def transmit(self, buf, length):
        if not 0 < length <= 125:
            raise ValueError("frame length")
        self._fetch(False)
        _disable()
        self._out[0] = length + 2
        self._out[1 : 1 + length] = memoryview(buf)[:length]
        sent = _send(self._out)
        _listen(self._buffers[self._current])
        return bool(sent)

    def receive_into(self, buf):
        if self._full < 0:
            self._fetch(False)
        if self._full < 0:
            return 0
        frame = self._buffers[self._full]
        self._full = -1
        length = frame[0] - 2
        if not 3 <= length <= 125:
            return 0
        buf[0:length] = memoryview(frame)[1 : 1 + length]
        self.lqi = min(255, 4 * frame[1 + length])
        return length

    def wait(self, timeout_ms):
        begin = time.ticks_ms()
        while self._full < 0 and not self._fetch(True):
            for _ in range(_POLLS):
                if _has_ended():
                    break
            else:
                if time.ticks_diff(time.ticks_ms(), begin) >= timeout_ms:
                    return
