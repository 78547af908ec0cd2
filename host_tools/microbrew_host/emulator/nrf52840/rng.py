"""RNG: a byte now and then."""

from __future__ import annotations

import random
import secrets

from microbrew_host.emulator.nrf52840.block import Block
from microbrew_host.emulator.nrf52840.ppi import Ppi
from microbrew_host.emulator.schedule import Event

# Typical values of the specification, without and with bias correction.
BYTE_US = (30, 120)
_START_US = 128
_VALRDY = 0x100


class Rng(Block):
    """``seed``: repeat the same bytes; None: bytes from the operating system."""

    SHORTS = ((0, _VALRDY, 0x04),)

    def __init__(self, ppi: Ppi, seed: int | None) -> None:
        super().__init__(0x4000D000, ppi)
        self._random = random.Random(seed) if seed is not None else secrets.SystemRandom()  # noqa: S311
        self.tasks = {0x00: self._start, 0x04: self._stop}
        self._next: Event | None = None
        # For tests of what the program makes of a broken source: a byte that it gives for ever.
        self.stuck: int | None = None

    def reset(self) -> None:
        self._next = None
        super().reset()

    def _wait(self) -> int:
        return self.core.cycles(BYTE_US[self.registers.get(0x504, 0) & 1] / 1e6)

    def _start(self) -> None:
        if self._next is None:
            self._next = self.core.at(self.core.now + self.core.cycles(_START_US / 1e6) + self._wait(), self._ready)

    def _stop(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _ready(self) -> None:
        self._next = self.core.at(self.core.now + self._wait(), self._ready)
        self.registers[0x508] = self._random.getrandbits(8) if self.stuck is None else self.stuck
        self.signal(_VALRDY)
