"""The CC2652's radio: the module ``cc2652_radio`` of boards/cc2652 under the contract of radio/api.py.

The RF core backs off (CSMA-CA), waits for acknowledgements, filters and acknowledges by itself. Without a PAN
nothing is filtered: a pledge hears every beacon. Left out: enhanced acknowledgements, indirect transmission, TSCH
slots.
"""

from microbrew.compat import const
from microbrew.radio.api import DEFAULT_CHANNEL, Radio

# As mac/submac.py has it, and why.
_RETRIES = const(7)
_NONE = const(0xFFFF)


class Cc2652Radio(Radio):
    """``core``: the module, or what offers the same. Raises OSError if the RF core does not start.

    Of the frame that ``receive_into`` returned last: ``lqi``, ``rssi`` (dBm), ``timestamp`` (us, wraps at 2**30).
    """

    hardware_ack = True
    hardware_csma = True

    def __init__(self, eui64, core):
        if len(eui64) != 8:
            raise ValueError("EUI-64 must be 8 bytes")
        self.eui64 = eui64
        self.lqi = self.timestamp = 0
        self.rssi = -128
        self._core = core
        self._channel = DEFAULT_CHANNEL
        self._filter = (_NONE, _NONE)
        # A failure of the RF core that starting it anew has cured is, for the MAC, a channel that was not free.
        self._outcomes = {
            core.SENT: "sent",
            core.NO_ACK: "no_ack",
            core.BUSY: "channel_busy",
            core.FAILED: "channel_busy",
        }
        core.start(eui64, DEFAULT_CHANNEL)

    def close(self):
        """Power the RF core down."""
        self._core.stop()

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
        return self._core.send(buf, length, _RETRIES)

    def sent(self):
        return self._outcomes.get(self._core.sent())

    def receive_into(self, buf):
        core = self._core
        length = core.receive_into(buf)
        if length:
            self.lqi = core.lqi()
            self.rssi = core.rssi()
            self.timestamp = core.timestamp()
        return length

    def energy(self, channel, duration_ms):
        """The strongest signal on ``channel`` in 1..10000 ms, dBm; hears no frame meanwhile. Raises OSError."""
        return self._core.energy(channel, duration_ms)

    def counters(self):
        """What the driver counted, by name."""
        names = ("rx", "rx_crc", "rx_filtered", "rx_overrun", "tx_ack", "tx_tries", "restarts")
        return dict(zip(names, self._core.counters()))

    def wait(self, timeout_ms):
        self._core.wait(timeout_ms)
