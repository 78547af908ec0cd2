"""The radio's end of docs/serial-radio.md: has a ``Radio`` do what the MAC at the other end of a stream says.

Sans-IO but for the radio. An ether's bridge runs it over a node of its air, a devkit over its chip. Left out: CSMA-CA
and waiting for acknowledgements, which are a driver's affair where the hardware does them.
"""

from microbrew.compat import const
from microbrew.radio import serial_wire as wire

# Frames passed on in one go.
_BATCH = const(16)
_MAX_FRAME = const(125)
_UNMEASURED = const(0x80)


class RadioEnd:
    """``radio``: a Radio that also has ``set_address(eui64)``, False if it may not have that one.

    Its ``transmit`` may return None: sent, but not acknowledged. It may have ``rssi`` (dBm) and ``timestamp`` (us) of
    the frame last received, ``energy(channel, duration_ms)`` in dBm, and ``set_promiscuous(wanted)``. ``write(view)``
    takes all of a message and returns its length, or 0 if the line is full; ``clock_us()`` gives us. The MAC is
    promised to have up to ``credits`` frames taken before it hears of the first.
    """

    def __init__(self, radio, write, clock_us, credits=8):
        self.counters = {}
        # True while the radio is tuned and its frames go to the MAC.
        self.is_configured = False
        self._radio = radio
        self._clock_us = clock_us
        self._credits = credits
        self._out = wire.Writer(write)
        self._in = wire.Reader(self._count)
        self._frame = bytearray(_MAX_FRAME + 2)
        self._overflowed = False

    def _count(self, name):
        self.counters[name] = self.counters.get(name, 0) + 1

    def start(self):
        """The line is there, or there again: forget what was, say hello."""
        self.forget()
        self._in.clear()
        self._hello()

    def forget(self):
        """The MAC is gone: nothing is received until it configures the radio again."""
        self.is_configured = False
        self._overflowed = False

    def receive(self, data):
        """Take bytes from the line, any number of them."""
        pos = 0
        end = len(data)
        while pos < end:
            pos = self._in.take(data, pos, end)
            if self._in.kind:
                self._handle(self._in.kind, self._in.seq, self._in.length)

    def pump(self):
        """Pass on what the radio has received. True: there may be more."""
        radio = self._radio
        frame = self._frame
        for _ in range(_BATCH):
            length = radio.receive_into(frame)
            if not length:
                return False
            if not self.is_configured:
                self._count("unheard")
                continue
            if self._overflowed:
                self._out.buf[wire.CONTENT] = wire.OVERFLOW
                self._overflowed = not self._send(wire.ERROR, 1)
            out = self._out.buf
            pos = wire.CONTENT
            stamp = getattr(radio, "timestamp", None)
            if stamp is None:
                stamp = self._clock_us()
            out[pos : pos + 4] = (stamp & 0xFFFFFFFF).to_bytes(4, "big")
            out[pos + 4] = radio.lqi
            out[pos + 5] = getattr(radio, "rssi", _UNMEASURED) & 0xFF
            out[pos + 6 : pos + 6 + length] = memoryview(frame)[:length]
            if self._send(wire.RECEIVED, 6 + length):
                self._count("received")
            else:
                self._overflowed = True
        return True

    def _send(self, kind, length):
        if self._out.send(kind, length) < 0:
            self._count("overflow")
            return False
        return True

    def _hello(self):
        out = self._out.buf
        pos = wire.CONTENT
        out[pos] = wire.VERSION
        out[pos + 1] = wire.HARDWARE_ACK if self._radio.hardware_ack else 0
        if hasattr(self._radio, "set_promiscuous"):
            out[pos + 1] |= wire.CAN_BE_PROMISCUOUS
        out[pos + 2 : pos + 4] = self._radio.ack_wait_ms.to_bytes(2, "big")
        out[pos + 4] = self._credits
        self._send(wire.HELLO, 5)

    def _handle(self, kind, seq, length):
        status = wire.UNKNOWN
        pos = wire.CONTENT
        content = self._in.buf
        if kind == wire.RESET:
            self.forget()
            self._hello()
            return
        if kind == wire.CONFIGURE and length >= 13:
            status = self._configure(content, pos, content[pos + 13] if length > 13 else 0)
        elif kind == wire.TRANSMIT and 0 < length <= _MAX_FRAME:
            status = wire.NOT_CONFIGURED
            if self.is_configured:
                sent = self._radio.transmit(self._in.view[pos : pos + length], length)
                status = wire.BUSY if sent is False else wire.NO_ACK if sent is None else wire.OK
                self._count("channel_busy" if sent is False else "no_ack" if sent is None else "sent")
        elif kind == wire.ENERGY and length >= 3:
            energy = getattr(self._radio, "energy", None)
            if energy:
                self._energy(seq, content[pos], energy(content[pos], content[pos + 1] << 8 | content[pos + 2]))
                return
        if status == wire.UNKNOWN:
            self._count("unknown")
        out = self._out.buf
        out[pos] = kind
        out[pos + 1] = seq
        out[pos + 2] = status
        self._send(wire.RESULT, 3)

    def _energy(self, seq, channel, dbm):
        out = self._out.buf
        out[wire.CONTENT] = seq
        out[wire.CONTENT + 1] = channel
        out[wire.CONTENT + 2] = dbm & 0xFF
        self._send(wire.ENERGY_LEVEL, 3)

    def _configure(self, content, pos, flags):
        radio = self._radio
        self.is_configured = False
        promiscuous = flags & wire.PROMISCUOUS != 0
        if hasattr(radio, "set_promiscuous"):
            radio.set_promiscuous(promiscuous)
        elif promiscuous:
            self._count("refused")
            return wire.REFUSED
        if not 11 <= content[pos] <= 26 or radio.set_address(bytes(content[pos + 5 : pos + 13])) is False:
            self._count("refused")
            return wire.REFUSED
        radio.set_channel(content[pos])
        radio.set_filter(content[pos + 1] << 8 | content[pos + 2], content[pos + 3] << 8 | content[pos + 4])
        self.is_configured = True
        return wire.OK
