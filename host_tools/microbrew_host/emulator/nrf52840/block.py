"""Tasks, events, shorts and interrupts, which all blocks of the chip have alike (nRF52840 Product Specification,
chapter "Peripheral interface").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from microbrew_host.emulator.peripheral import Peripheral

if TYPE_CHECKING:
    from microbrew_host.emulator.nrf52840.ppi import Ppi

RAM_BASE = 0x20000000
RAM_SIZE = 256 * 1024

Task = Callable[[], None]


class Misuse(Exception):
    """The program does what the Product Specification forbids and what hardware answers in undefined ways."""


class Block(Peripheral):
    """A peripheral with ID ``base >> 12``, which is its interrupt too.

    A sub-class fills ``tasks`` (offset to action), names its ``SHORTS`` as (bit, event, task), raises events by
    ``signal``, and keeps plain registers in ``registers`` with their reset values in ``RESET``.
    """

    SHORTS: tuple[tuple[int, int, int], ...] = ()
    RESET: dict[int, int] = {}

    def __init__(self, base: int, ppi: Ppi | None = None, size: int = 0x1000) -> None:
        super().__init__(base, size)
        self.irq = base >> 12 & 0x3F
        self.ppi = ppi
        self.tasks: dict[int, Task] = {}
        self.events: dict[int, int] = {}
        self.registers: dict[int, int] = dict(self.RESET)
        self.inten = 0
        self.shorts = 0
        self._routes: dict[int, list[tuple[int, int]]] = {}
        for bit, event, task in self.SHORTS:
            self._routes.setdefault(event, []).append((bit, task))

    def reset(self) -> None:
        self.events.clear()
        self.registers = dict(self.RESET)
        self.inten = self.shorts = 0
        self._lines()

    # What happens

    def signal(self, event: int) -> None:
        """An event: its register, its interrupt, its shorts, and the PPI."""
        self.events[event] = 1
        self._lines()
        for bit, task in self._routes.get(event, ()):
            if self.shorts >> bit & 1:
                self.task(task)
        if self.ppi is not None:
            self.ppi.happened(self.base + event)

    def task(self, offset: int) -> None:
        """Trigger a task; one that the block does not have is ignored, as on the chip."""
        action = self.tasks.get(offset)
        if action is not None:
            action()

    def _lines(self) -> None:
        up = False
        if self.inten:
            for event, value in self.events.items():
                if value and self.inten >> (event - 0x100) // 4 & 1:
                    up = True
                    break
        self.core.nvic.set_level(self.irq, up)

    # Registers

    def read(self, offset: int) -> int:
        if offset < 0x100:
            return 0
        if offset < 0x200:
            return self.events.get(offset, 0)
        if offset == 0x200:
            return self.shorts
        if offset in (0x300, 0x304, 0x308):
            return self.inten
        return self.get(offset)

    def write(self, offset: int, value: int) -> None:
        if offset < 0x100:
            if value & 1:
                self.task(offset)
        elif offset < 0x200:
            # Software clears events; writing one sets the register and nothing else.
            self.events[offset] = value & 1
            self._lines()
        elif offset == 0x200:
            self.shorts = value
        elif offset == 0x300:
            self.inten = value
            self._lines()
        elif offset == 0x304:
            self.inten |= value
            self._lines()
        elif offset == 0x308:
            self.inten &= ~value
            self._lines()
        else:
            self.put(offset, value)

    def get(self, offset: int) -> int:
        """A register from 0x30C on."""
        return self.registers.get(offset, 0)

    def put(self, offset: int, value: int) -> None:
        """Write it."""
        self.registers[offset] = value

    # EasyDMA

    def fetch(self, address: int, length: int) -> bytes:
        """Read data RAM as EasyDMA does. Raises Misuse for other memory."""
        self._check(address, length)
        return bytes(self.core.uc.mem_read(address, length))

    def store(self, address: int, data: bytes) -> None:
        """Write it. Raises Misuse for other memory."""
        self._check(address, len(data))
        self.core.uc.mem_write(address, data)

    def _check(self, address: int, length: int) -> None:
        if not RAM_BASE <= address <= RAM_BASE + RAM_SIZE - length:
            raise Misuse(f"{type(self).__name__} at {self.base:#x}: EasyDMA to {address:#x}, which is not data RAM")
