"""The watchdog."""

from __future__ import annotations

from microbrew_host.emulator.cc2652.block import RegisterBlock
from microbrew_host.emulator.schedule import Event

_LOAD, _VALUE, _CTL, _ICR, _RIS, _LOCK = 0x00, 0x04, 0x08, 0x0C, 0x10, 0xC00
_INTERRUPT, _RESET, _NMI = 1, 2, 4
_UNLOCK = 0x1ACCE551
_DIVIDER = 32
_IRQ = 14
_NMI_EXCEPTION = 2


class Watchdog(RegisterBlock):
    """Counts down at 1.5 MHz: at the first end an NMI, at the second a reset."""

    def __init__(self) -> None:
        super().__init__(0x40080000)
        self._end: Event | None = None

    def reset(self) -> None:
        super().reset()
        self._locked = False
        self._fired = False
        self._end = None

    def _restart(self) -> None:
        if self._end:
            self._end.cancel()
        if self.words.get(_CTL, 0) & _INTERRUPT:
            ticks = self.words.get(_LOAD, 0xFFFFFFFF)
            self._end = self.core.at(self.core.now + ticks * _DIVIDER, self._expire)

    def _expire(self) -> None:
        control = self.words.get(_CTL, 0)
        if self._fired:
            if control & _RESET:
                self.core.request_reset("watchdog")
            return
        self._fired = True
        if control & _NMI:
            self.core.nvic.pend_exception(_NMI_EXCEPTION)
        else:
            self.core.nvic.set_level(_IRQ, True)
        self._restart()

    def read(self, offset: int) -> int:
        if offset == _LOCK:
            return int(self._locked)
        if offset == _RIS:
            return int(self._fired)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == _LOCK:
            self._locked = value != _UNLOCK
        elif not self._locked:
            if offset == _ICR:
                self._fired = False
                self.core.nvic.set_level(_IRQ, False)
                self._restart()
                return
            if offset == _CTL:
                # What is on stays on.
                value |= self.words.get(_CTL, 0) & _INTERRUPT
            super().write(offset, value)
            if offset in (_LOAD, _CTL):
                self._restart()
