"""What the MAC asks of a radio: whole frames in and out, a filter, an address.

A driver derives from ``Radio`` or merely offers the same names. Frames are PSDUs without their FCS: the
driver adds it to what it sends, checks it on what it receives and passes on only frames whose FCS holds.
Timing (backoff, acknowledgement wait, retries) belongs to mac/submac.py, unless the radio does all of it by itself
(``hardware_csma``); a driver holds no timers of the MAC. Left out: energy detection, several channels at once, TSCH
slots.
"""

from microbrew.compat import const

MAX_PSDU = const(127)
FCS_LEN = const(2)
# Default network of this project's simulations; IEEE 802.15.4 O-QPSK at 2.4 GHz has channels 11 to 26.
DEFAULT_CHANNEL = const(26)


class Radio:
    """One transceiver. ``eui64`` is 8 bytes, most significant first."""

    eui64 = b""
    # How long a sender waits for an acknowledgement on this medium, in ms.
    ack_wait_ms = 2
    # True: the radio acknowledges frames that pass its filter by itself.
    hardware_ack = False
    # True: ``transmit`` only begins. The radio does CSMA-CA by itself, waits for the acknowledgement that a frame asks
    # for, and sends it again; ``sent`` tells the end of it.
    hardware_csma = False
    # Link quality of the frame that ``receive_into`` returned last, 0..255.
    lqi = 0

    def set_channel(self, channel):
        """Tune to a channel, 11..26."""
        raise NotImplementedError

    def set_filter(self, pan_id, short_address):
        """PAN id and short address (ints, 0xffff: none) for radios that filter or acknowledge in hardware."""

    def transmit(self, buf, length):
        """Send ``buf[:length]`` and its FCS. False: the channel was busy, nothing was sent; True otherwise.

        A medium without carrier sensing always returns True.
        """
        raise NotImplementedError

    def sent(self):
        """With ``hardware_csma``: None while the frame is under way, then "sent", "no_ack" or "channel_busy"."""
        raise NotImplementedError

    def receive_into(self, buf):
        """Copy one received frame into ``buf`` (at least 125 bytes): its length without FCS, or 0 for none.

        Never blocks. Sets ``lqi``.
        """
        raise NotImplementedError

    def wait(self, timeout_ms):
        """Block until a frame may be there or ``timeout_ms`` is over. Edge only: never called by a core."""
        raise NotImplementedError
