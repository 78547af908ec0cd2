"""The radio of the board: the chip's own, by the core in firmware/native/radio."""

from microbrew.radio.nrf52840 import Nrf52840Radio


def make(eui64, clock):
    """The board's radio for a node with this EUI-64; ``clock()`` gives ms."""
    return Nrf52840Radio(eui64)
