"""The radio of an nRF52840 that runs MicroPython's own nrf port."""

from microbrew.radio.nrf52840_viper import ViperRadio


def make(eui64, clock):
    """The board's radio for a node with this EUI-64; ``clock()`` gives ms."""
    return ViperRadio(eui64)
