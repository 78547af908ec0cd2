"""The CC2652R and its LaunchPad at register level, as far as boards/cc2652 touches it.

``chip`` puts it together; ``doorbell`` and ``rf_core`` are the radio. What is not modelled is listed in docs/cc2652.md.
"""

from microbrew_host.emulator.cc2652.block import ImageFault
from microbrew_host.emulator.cc2652.flash import PowerCut

__all__ = ["ImageFault", "PowerCut"]
