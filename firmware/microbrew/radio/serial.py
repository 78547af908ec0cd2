"""Radio behind a byte stream (UART, USB, pty, TCP): the MAC's end of docs/serial-radio.md.

For boards without a radio of their own, and for hosts that use a devkit as theirs. What the radio must know goes to
it as one message that is repeated, so either end may be restarted at any time. A frame that the line loses is lost as
on air. ``transmit`` does not wait for the radio: a channel that was busy after all is counted, and for the MAC the
frame was not acknowledged. Left out: retransmission on the line, flow control other than by credits.
"""

import select

from microbrew.compat import const
from microbrew.radio import serial_wire as wire
from microbrew.radio.api import DEFAULT_CHANNEL, Radio

_UNANSWERED_MS = const(1000)
_KEEPALIVE_MS = const(5000)
# A credit for which no result came within this time is taken to be free again.
_RESULT_MS = const(250)
_MAX_ACK_WAIT_MS = const(1000)
_READ_LEN = const(256)
# Reads in one go, so that a line full of noise cannot keep the rest of the node waiting.
_BATCH = const(8)
_NONE = const(0xFFFF)
_MAX_FRAME = const(125)

_STATUS = ("sent", "no_ack", "channel_busy", "not_configured", "refused", "unknown", "overload")


class SerialRadio(Radio):
    """The radio at the other end of ``stream``, which has ``readinto(buf)`` and ``write(buf)`` that never block.

    Both return a count, or None; a file, a non-blocking socket and a ``machine.UART`` of MicroPython will do.
    ``clock()`` gives monotonic ms. ``line_ms``: how long the longest frame takes on the line, there, and an
    acknowledgement back; 30 for 115200 baud. ``promiscuous``: receive every frame on the channel, acknowledge none; a
    radio that cannot refuses and ``counters["refused"]`` grows. Of the frame that ``receive_into`` returned last:
    ``lqi``, ``rssi`` (dBm, -128: not measured), ``timestamp`` (us of the radio's clock, wraps at 2**32).
    """

    def __init__(self, eui64, stream, clock, line_ms=30, promiscuous=False):
        if len(eui64) != 8:
            raise ValueError("EUI-64 must be 8 bytes")
        self.eui64 = eui64
        self.ack_wait_ms = self._line_ms = line_ms
        self.hardware_ack = False
        self.lqi = self.timestamp = 0
        self.rssi = -128
        # Answer to ``detect_energy``: (channel, dBm), or None until it is there.
        self.energy = None
        # True from the radio's hello on.
        self.is_up = False
        self.counters = {}
        self._stream = stream
        self._clock = clock
        self._flags = wire.PROMISCUOUS if promiscuous else 0
        self._channel = DEFAULT_CHANNEL
        self._pan_id = self._short = _NONE
        self._out = wire.Writer(stream.write)
        self._in = wire.Reader(self._count)
        self._chunk = bytearray(_READ_LEN)
        self._pos = self._end = 0
        self._poll = None
        self._credits = self._free = self._sent_at = 0
        self._due = clock()
        self._service()

    def _count(self, name):
        self.counters[name] = self.counters.get(name, 0) + 1

    def set_channel(self, channel):
        self._channel = channel
        self._due = self._clock()

    def set_filter(self, pan_id, short_address):
        self._pan_id = pan_id
        self._short = short_address
        self._due = self._clock()

    def detect_energy(self, channel, duration_ms):
        """Have the radio listen on ``channel`` for the strongest signal; the answer will be in ``energy``."""
        self.energy = None
        content = self._out.buf
        content[wire.CONTENT] = channel
        content[wire.CONTENT + 1 : wire.CONTENT + 3] = duration_ms.to_bytes(2, "big")
        self._send(wire.ENERGY, 3)

    def _send(self, kind, length):
        if self._out.send(kind, length) < 0:
            self._count("unwritten")

    def _service(self):
        """Say what the radio must know, if that is due."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + _UNANSWERED_MS
        buf = self._out.buf
        pos = wire.CONTENT
        if not self.is_up:
            buf[pos] = wire.VERSION
            self._send(wire.RESET, 1)
            return
        buf[pos] = self._channel
        buf[pos + 1 : pos + 3] = self._pan_id.to_bytes(2, "big")
        buf[pos + 3 : pos + 5] = self._short.to_bytes(2, "big")
        buf[pos + 5 : pos + 13] = self.eui64
        buf[pos + 13] = self._flags
        self._send(wire.CONFIGURE, 14 if self._flags else 13)

    def transmit(self, buf, length):
        if not 0 < length <= _MAX_FRAME:
            raise ValueError("frame length")
        self._service()
        if not self._free and self._clock() - self._sent_at >= _RESULT_MS:
            self._free = self._credits
        if not self._free:
            self._count("no_credit")
            return False
        self._out.buf[wire.CONTENT : wire.CONTENT + length] = memoryview(buf)[:length]
        self._free -= 1
        self._sent_at = self._clock()
        self._send(wire.TRANSMIT, length)
        return True

    def receive_into(self, buf):
        self._service()
        reader = self._in
        for _ in range(_BATCH):
            while self._pos < self._end:
                self._pos = reader.take(self._chunk, self._pos, self._end)
                length = self._handle(buf) if reader.kind else 0
                if length:
                    return length
            self._pos = 0
            self._end = self._read()
            if not self._end:
                break
        return 0

    def _read(self):
        try:
            return self._stream.readinto(self._chunk) or 0
        except OSError:
            return 0

    def _handle(self, buf):
        """One message of the radio; the length of the frame that came with it and is in ``buf`` now, or 0."""
        reader = self._in
        kind = reader.kind
        length = reader.length
        content = reader.buf
        pos = wire.CONTENT
        if kind == wire.HELLO and length >= 5:
            self._hello(content, pos)
        elif not self.is_up:
            self._count("early")
        elif kind == wire.RECEIVED and 6 < length <= 6 + _MAX_FRAME:
            self.timestamp = int.from_bytes(reader.view[pos : pos + 4], "big")
            self.lqi = content[pos + 4]
            self.rssi = (content[pos + 5] ^ 0x80) - 0x80
            buf[0 : length - 6] = reader.view[pos + 6 : pos + length]
            return length - 6
        elif kind == wire.RESULT and length >= 3:
            self._result(content[pos], content[pos + 2])
        elif kind == wire.ENERGY_LEVEL and length >= 3:
            self.energy = (content[pos + 1], (content[pos + 2] ^ 0x80) - 0x80)
        elif kind == wire.ERROR and length:
            self._count("radio_overflow" if content[pos] == wire.OVERFLOW else "radio_fault")
        else:
            self._count("malformed")
        return 0

    def _hello(self, content, pos):
        self.is_up = content[pos] == wire.VERSION
        if not self.is_up:
            self._credits = self._free = 0
            self._count("other_version")
            return
        self.hardware_ack = content[pos + 1] & wire.HARDWARE_ACK != 0
        ack_wait = content[pos + 2] << 8 | content[pos + 3]
        self.ack_wait_ms = self._line_ms + min(ack_wait, _MAX_ACK_WAIT_MS)
        self._credits = self._free = max(1, content[pos + 4])
        self._due = self._clock()
        self._service()

    def _result(self, kind, status):
        if kind == wire.TRANSMIT and self._free < self._credits:
            self._free += 1
        if status:
            self._count(_STATUS[status] if status < len(_STATUS) else "malformed")
        if status == wire.NOT_CONFIGURED:
            self._due = self._clock()
        elif kind == wire.CONFIGURE and not status:
            self._due = self._clock() + _KEEPALIVE_MS

    def wait(self, timeout_ms):
        """As the contract says, at most until something is due. Raises OSError if the stream has ended."""
        self._service()
        if self._pos < self._end:
            return
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._stream, select.POLLIN)
        until_due = self._due - self._clock()
        if timeout_ms is None or timeout_ms > until_due:
            timeout_ms = until_due
        if self._poll.poll(max(0, timeout_ms)):
            self._pos = 0
            self._end = self._read()
            if not self._end:
                raise OSError("the radio's line has ended")
