"""TEMP: a thermometer that always shows the same."""

from __future__ import annotations

from microbrew_host.emulator.nrf52840.block import Block
from microbrew_host.emulator.nrf52840.ppi import Ppi

_CONVERSION_US = 36


class Temp(Block):
    """0x4000C000. ``quarters``: degrees Celsius times four."""

    def __init__(self, ppi: Ppi, quarters: int = 100) -> None:
        super().__init__(0x4000C000, ppi)
        self.quarters = quarters
        self.tasks = {0x00: self._start}

    def _start(self) -> None:
        self.core.at(self.core.now + self.core.cycles(_CONVERSION_US / 1e6), self._done)

    def _done(self) -> None:
        self.registers[0x508] = self.quarters & 0xFFFFFFFF
        self.signal(0x100)
