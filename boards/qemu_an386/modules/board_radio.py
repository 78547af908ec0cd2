"""The radio of the emulated board: frames over its second UART, to whoever bridges them to the air."""

import machine
from microbrew.radio.serial import SerialRadio


def make(eui64, clock):
    """The board's radio for a node with this EUI-64; ``clock()`` gives ms."""
    return SerialRadio(eui64, machine.UART(1), clock)
