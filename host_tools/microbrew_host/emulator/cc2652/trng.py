"""The TRNG: 64 bits after so many samples; a test decides what they are."""

from __future__ import annotations

import os
from collections.abc import Callable

from microbrew_host.emulator.cc2652.block import Gated
from microbrew_host.emulator.schedule import Event

_OUT0, _OUT1, _IRQFLAGSTAT, _IRQFLAGCLR, _CTL, _CFG0, _FROEN = 0x00, 0x04, 0x08, 0x10, 0x14, 0x18, 0x20
_READY, _SHUTDOWN = 1, 2
_ENABLE = 1 << 10


class Trng(Gated):
    """``source(8)`` gives the next 8 bytes. ``shutdown``: too many of its oscillators have been switched off."""

    def __init__(self, has_clock: Callable[[], bool]) -> None:
        super().__init__(0x40028000, has_clock, 0x2000)
        self.source: Callable[[int], bytes] = os.urandom
        self.shutdown = False
        self.numbers = 0
        self._event: Event | None = None

    def reset(self) -> None:
        super().reset()
        self._value: bytes | None = None
        self._event = None

    def _begin(self) -> None:
        self._value = None
        if self._event:
            self._event.cancel()
        if self.words.get(_CTL, 0) & _ENABLE and self.words.get(_FROEN, 0xFFFFFF):
            samples = (self.words.get(_CFG0, 0) >> 16 or 1 << 16) << 8
            divider = (self.words.get(_CFG0, 0) >> 8 & 15) + 1
            self._event = self.core.at(self.core.now + samples * divider, self._finish)

    def _finish(self) -> None:
        self._value = self.source(8)
        self.numbers += 1

    def get(self, offset: int) -> int:
        if offset == _IRQFLAGSTAT:
            return (_READY if self._value else 0) | (_SHUTDOWN if self.shutdown else 0)
        if offset in (_OUT0, _OUT1):
            at = offset
            return int.from_bytes(self._value[at : at + 4], "little") if self._value else 0
        return super().get(offset)

    def set(self, offset: int, value: int) -> None:
        if offset == _IRQFLAGCLR:
            if value & _READY:
                self._begin()
            return
        super().set(offset, value)
        if offset == _CTL:
            self._begin()
