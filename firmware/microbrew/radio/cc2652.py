"""The CC2652's radio: boards/cc2652's module ``cc2652_radio`` under the contract of radio/api.py.

The RF core backs off (CSMA-CA), waits for acknowledgements, filters and acknowledges by itself, so ``transmit`` knows the
outcome when it returns. The MAC wants to see the acknowledgement; ``receive_into`` makes one for it. Without a PAN
nothing is filtered: a pledge hears every beacon.
"""

from microbrew.radio.api import DEFAULT_CHANNEL, Radio


class Cc2652Radio(Radio):
    """``core``: the module, or what offers the same. Raises OSError if the RF core does not start.

    Of the frame that ``receive_into`` returned last: ``lqi``, ``rssi`` (dBm), ``timestamp`` (us, wraps at 2**30).
    """

    # It is there when transmit() returns.
    ack_wait_ms = 1
    hardware_ack = True

    def __init__(self, eui64, core):
        if len(eui64) != 8:
            raise ValueError("EUI-64 must be 8 bytes")
        self.eui64 = eui64
        self.lqi = self.timestamp = 0
        self.rssi = -128
        # Frames that the RF core did not send although the channel was clear.
        self.failed = 0
        self._core = core
        self._channel = DEFAULT_CHANNEL
        self._filter = (0xFFFF, 0xFFFF)
        # Sequence number of the acknowledgement to hand up, or -1.
        self._acked = -1
        core.start(eui64, DEFAULT_CHANNEL)

    def set_channel(self, channel):
        """Raises OSError if the RF core fails even when started anew."""
        if channel != self._channel:
            self._core.tune(channel)
            self._channel = channel

    def set_filter(self, pan_id, short_address):
        """Raises OSError if the RF core fails even when started anew."""
        if (pan_id, short_address) != self._filter:
            self._core.filter(pan_id, short_address)
            self._filter = (pan_id, short_address)

    def transmit(self, buf, length):
        core = self._core
        result = core.transmit(buf, length)
        if result == core.ACKED:
            self._acked = buf[2]
        elif result == core.FAILED:
            self.failed += 1
        return result not in (core.BUSY, core.FAILED)

    def receive_into(self, buf):
        if self._acked >= 0:
            buf[0] = 0x02
            buf[1] = 0x00
            buf[2] = self._acked
            self._acked = -1
            return 3
        core = self._core
        length = core.receive_into(buf)
        if length:
            self.lqi = core.lqi()
            self.rssi = core.rssi()
            self.timestamp = core.timestamp()
        return length

    def detect_energy(self, channel, duration_ms):
        """The strongest signal on ``channel``, dBm; blocks, and hears no frame meanwhile. Raises OSError."""
        return self._core.energy(channel, duration_ms)

    def counters(self):
        """Drop reasons and their numbers."""
        _, crc, filtered, overruns, _, restarts = self._core.counters()
        return {"crc": crc, "filtered": filtered, "overruns": overruns, "restarts": restarts, "tx_failed": self.failed}

    def wait(self, timeout_ms):
        if self._acked < 0:
            self._core.wait(timeout_ms)
