"""Blocks that keep what is written to them, and the checks that every block of the chip shares."""

from __future__ import annotations

from collections.abc import Callable

from microbrew_host.emulator.peripheral import BusFault, Peripheral


class ImageFault(Exception):
    """The image did what hardware would punish with undefined behaviour; the text says what."""


class RegisterBlock(Peripheral):
    """Words that read as they were written; ``initial``: offset to value after reset."""

    def __init__(self, base: int, size: int = 0x1000, initial: dict[int, int] | None = None) -> None:
        super().__init__(base, size)
        self._initial = initial or {}
        self.words: dict[int, int] = {}

    def reset(self) -> None:
        self.words = dict(self._initial)

    def read(self, offset: int) -> int:
        return self.words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self.words[offset] = value


class Gated(RegisterBlock):
    """A block that answers with a bus error unless ``has_clock()``: power domain and clock gate."""

    def __init__(self, base: int, has_clock: Callable[[], bool], size: int = 0x1000) -> None:
        super().__init__(base, size)
        self.has_clock = has_clock

    def read(self, offset: int) -> int:
        if not self.has_clock():
            raise BusFault
        return self.get(offset)

    def write(self, offset: int, value: int) -> None:
        if not self.has_clock():
            raise BusFault
        self.set(offset, value)

    def get(self, offset: int) -> int:
        """A read, with the clock on."""
        return super().read(offset)

    def set(self, offset: int, value: int) -> None:
        """A write, with the clock on."""
        super().write(offset, value)
