"""The nRF52840's own transceiver, by the core in C (firmware/native/radio): filter, acknowledgements, CSMA-CA, retries.

There is one of it. What happens between frames happens in interrupts; here frames are only handed over. Left out:
indirect transmission, enhanced acknowledgements (the core has a hook for them), TSCH slots (``transmit_at`` is what
they would be built on).
"""

import os

import microbrew_radio as core

from microbrew.compat import const
from microbrew.radio.api import DEFAULT_CHANNEL, Radio

# As mac/submac.py has it, and why.
_RETRIES = const(7)
_NONE = const(0xFFFF)

_OUTCOMES = {core.SENT: "sent", core.NO_ACK: "no_ack", core.BUSY: "channel_busy", core.MISSED: "channel_busy"}


class Nrf52840Radio(Radio):
    """The transceiver as ``eui64``, 8 bytes. ``retries``: transmissions after the first of a frame that wants an ACK.

    ``rssi`` (dBm) and ``timestamp`` (us of the radio's clock at its end, wraps at 2**32) are of the frame that
    ``receive_into`` returned last. Raises OSError if the chip's crystal oscillator does not start.
    """

    hardware_ack = True
    hardware_csma = True

    def __init__(self, eui64, retries=_RETRIES, random=os.urandom):
        if len(eui64) != 8:
            raise ValueError("EUI-64 must be 8 bytes")
        self.eui64 = eui64
        self.retries = retries
        self.lqi = 0
        self.rssi = -128
        self._channel = DEFAULT_CHANNEL
        self._pan_id = self._short = _NONE
        self._promiscuous = False
        core.start(int.from_bytes(random(4), "little") >> 2)
        self._configure()

    def close(self):
        """Power the transceiver down."""
        core.stop()

    def _configure(self):
        core.configure(self._channel, self._pan_id, self._short, self.eui64, self._promiscuous)

    def set_channel(self, channel):
        self._channel = channel
        self._configure()

    def set_filter(self, pan_id, short_address):
        self._pan_id = pan_id
        self._short = short_address
        self._configure()

    def set_address(self, eui64):
        """Be that EUI-64 from now on. True: any will do."""
        self.eui64 = eui64
        self._configure()
        return True

    def set_promiscuous(self, wanted):
        """Receive every frame whose FCS is right, and acknowledge none; or not."""
        self._promiscuous = wanted
        self._configure()

    def set_power(self, dbm):
        """Transmit with at most that many dBm, -40..8."""
        core.power(dbm)

    def transmit(self, buf, length):
        return core.send(buf, length, self.retries)

    def transmit_at(self, buf, length, time):
        """Send so that the first bit of the preamble leaves at ``time`` of ``now()``, 0.5 ms to 1 s ahead.

        The channel is not looked at. False: not taken.
        """
        return core.send_at(buf, length, time)

    def sent(self):
        return _OUTCOMES.get(core.sent())

    def receive_into(self, buf):
        length = core.receive(buf)
        if length:
            self.lqi = core.lqi()
            self.rssi = core.rssi()
        return length

    @property
    def timestamp(self):
        return core.timestamp()

    def now(self):
        """The radio's clock, us."""
        return core.now()

    def energy(self, channel, duration_ms):
        """The strongest signal on ``channel`` in 1..1000 ms, dBm. OSError(EBUSY) while a frame is under way."""
        return core.energy(channel, duration_ms)

    def counters(self):
        """What the core counted, by name."""
        return core.counters()

    def wait(self, timeout_ms):
        core.wait(timeout_ms)
