"""WDT: the watchdog. Once started it stops for nothing; it runs on in sleep whatever CONFIG says."""

from __future__ import annotations

from microbrew_host.emulator.nrf52840.block import Block
from microbrew_host.emulator.nrf52840.ppi import Ppi
from microbrew_host.emulator.nrf52840.rtc import LF_HZ
from microbrew_host.emulator.schedule import Event

_RELOAD = 0x6E524635
_TIMEOUT = 0x100
# From the event to the reset.
_GRACE_TICKS = 2


class Wdt(Block):
    """0x40010000. A reset by software or lockup leaves it running."""

    RESET = {0x504: 0xFFFFFFFF, 0x508: 1, 0x50C: 1}

    def __init__(self, ppi: Ppi) -> None:
        super().__init__(0x40010000, ppi)
        self.tasks = {0x00: self._start}
        self._running = False
        self._pending = 0
        self._deadline = 0
        self._event: Event | None = None

    def reset(self) -> None:
        if self._running and self.core.reset_reason in ("software", "lockup"):
            registers = self.registers
            super().reset()
            self.registers = registers
            self._event = self.core.at(self._deadline, self._expired)
            return
        self._running = False
        self._pending = 0
        self._event = None
        super().reset()

    def _start(self) -> None:
        if not self._running:
            self._running = True
            self._reload()

    def _reload(self) -> None:
        self._pending = self.registers[0x508] & 0xFF
        if self._event is not None:
            self._event.cancel()
        self._deadline = self.core.now + (self.registers[0x504] + 1) * self.core.hz // LF_HZ
        self._event = self.core.at(self._deadline, self._expired)

    def _expired(self) -> None:
        self._event = self.core.at(
            self.core.now + _GRACE_TICKS * self.core.hz // LF_HZ, lambda: self.core.request_reset("watchdog")
        )
        self.signal(_TIMEOUT)

    def get(self, offset: int) -> int:
        if offset == 0x400:
            return int(self._running)
        if offset == 0x404:
            return self._pending if self._running else self.registers[0x508] & 0xFF
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        if 0x600 <= offset < 0x620:
            if value == _RELOAD and self._running:
                self._pending &= ~(1 << (offset - 0x600) // 4)
                if not self._pending:
                    self._reload()
        elif not self._running:
            super().put(offset, value)
