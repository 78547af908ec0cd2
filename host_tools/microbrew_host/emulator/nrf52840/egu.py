"""EGU: sixteen events that software or the PPI triggers."""

from __future__ import annotations

from microbrew_host.emulator.nrf52840.block import Block
from microbrew_host.emulator.nrf52840.ppi import Ppi


class Egu(Block):
    """EGU0 to EGU5."""

    def __init__(self, base: int, ppi: Ppi) -> None:
        super().__init__(base, ppi)
        for channel in range(16):
            self.tasks[4 * channel] = lambda event=0x100 + 4 * channel: self.signal(event)  # type: ignore[misc]
