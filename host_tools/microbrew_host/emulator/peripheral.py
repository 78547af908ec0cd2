"""What every memory-mapped block of a chip is to the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microbrew_host.emulator.cortexm import CortexM


class BusFault(Exception):
    """Raised by a peripheral's read() or write(): the access is answered by a bus error."""


class Peripheral:
    """``size`` bytes of registers at ``base``. A chip's blocks are its sub-classes.

    The processor calls ``read`` and ``write`` with offsets from ``base`` that are multiples of four. A read of a byte
    or half-word is cut from the word; a write of one goes to ``write_part``. For its time a peripheral uses
    ``self.core.now`` (cycles), ``self.core.at(cycle, action)`` (an Event that can be cancelled) and
    ``self.core.cycles(seconds)``; for interrupts ``self.core.nvic.set_level(irq, bool)`` (a line that stays up until
    the cause is gone) or ``self.core.nvic.pend(irq)`` (an edge).
    """

    core: CortexM

    def __init__(self, base: int, size: int = 0x1000) -> None:
        self.base = base
        self.size = size

    def attached(self) -> None:
        """Called once, when ``core`` is there."""

    def reset(self) -> None:
        """Take the state after reset. Every event the core had scheduled is gone by then."""

    def read(self, offset: int) -> int:
        """The word at ``offset``, with what reading it does."""
        raise NotImplementedError

    def write(self, offset: int, value: int) -> None:
        """Write the word at ``offset``."""
        raise NotImplementedError

    def write_part(self, offset: int, value: int, size: int) -> None:
        """Write ``size`` bytes, fewer than four, at ``offset``, which need not be a multiple of four."""
        word = offset & ~3
        shift = (offset & 3) * 8
        mask = ((1 << size * 8) - 1) << shift
        self.write(word, self.read(word) & ~mask | value << shift & mask)
