"""The chip's own radio, under an image that is not ours."""

from microbrew.radio.nrf52840_viper import ViperRadio


def make(eui64, clock):
    """The board's radio for a node with this EUI-64; ``clock()`` gives ms."""
    return ViperRadio(eui64)
