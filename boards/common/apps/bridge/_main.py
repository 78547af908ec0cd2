"""A board as its host's radio: the radio's end of docs/serial-radio.md on UART 0, for ever.

Nothing else is written to that line, which is the console of other images. The MAC may come and go; while it is silent
for 30 s nothing is received, and the board acknowledges nothing.
"""

import time

import board_radio
import machine
from microbrew.radio.serial_end import RadioEnd
from micropython import const

_BAUDRATE = const(115200)
_SILENCE_MS = const(30000)
_WATCHDOG_MS = const(8000)
# The MAC waits for acknowledgements itself, so a few tries here are all that help; and how long they take at most.
_RETRIES = const(3)
_ACK_WAIT_MS = const(60)
# Frames that wait in the UART's buffer while one is being sent.
_CREDITS = const(4)


class BridgeRadio:
    """``radio`` (with ``hardware_csma``) as RadioEnd wants it: ``transmit`` returns when the frame is dealt with."""

    hardware_ack = True
    ack_wait_ms = _ACK_WAIT_MS

    def __init__(self, radio):
        self._radio = radio
        radio.retries = _RETRIES
        self.set_address = radio.set_address
        self.set_channel = radio.set_channel
        self.set_filter = radio.set_filter
        self.receive_into = radio.receive_into

    def set_promiscuous(self, wanted):
        """Hear everything and acknowledge nothing; then the frames are of many MACs, which repeat them themselves."""
        self._radio.retries = 0 if wanted else _RETRIES
        self._radio.set_promiscuous(wanted)

    @property
    def lqi(self):
        return self._radio.lqi

    @property
    def rssi(self):
        return self._radio.rssi

    @property
    def timestamp(self):
        return self._radio.timestamp

    def energy(self, channel, duration_ms):
        try:
            return self._radio.energy(channel, max(1, min(1000, duration_ms)))
        except OSError:
            return -128

    def transmit(self, buf, length):
        """True: sent, and acknowledged if it asked for it; None: not acknowledged; False: the channel was busy."""
        radio = self._radio
        if not radio.transmit(buf, length):
            return False
        since = time.ticks_ms()
        while True:
            outcome = radio.sent()
            if outcome is not None or time.ticks_diff(time.ticks_ms(), since) > 1000:
                break
            machine.idle()
        return True if outcome == "sent" else None if outcome == "no_ack" else False


def run():
    """Serve the line for ever."""
    watchdog = machine.WDT(timeout=_WATCHDOG_MS)
    uart = machine.UART(0, _BAUDRATE)
    # An EUI-64 until the MAC gives its own.
    radio = BridgeRadio(board_radio.make(machine.unique_id(), time.ticks_ms))
    end = RadioEnd(radio, uart.write, time.ticks_us, _CREDITS)
    end.start()
    heard = time.ticks_ms()
    while True:
        watchdog.feed()
        more = end.pump()
        if uart.any():
            data = uart.read(256)
            if data:
                end.receive(data)
                heard = time.ticks_ms()
                continue
        if end.is_configured and time.ticks_diff(time.ticks_ms(), heard) > _SILENCE_MS:
            end.forget()
        if not more:
            machine.idle()


run()
