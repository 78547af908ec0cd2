"""The radio of the board: the RF core."""

import cc2652_radio
from microbrew.radio.cc2652 import Cc2652Radio


def make(eui64, clock):
    """The board's radio for a node with this EUI-64. Raises OSError if the RF core does not start."""
    if not cc2652_radio.TRIMMED:
        print("0 radio built without TI_SDK_DIR: on silicon it will not work")
    return Cc2652Radio(eui64, cc2652_radio)
