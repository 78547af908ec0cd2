"""RTC: a 24-bit counter of 32768 Hz divided by PRESCALER + 1."""

from __future__ import annotations

from microbrew_host.emulator.nrf52840.block import Block
from microbrew_host.emulator.nrf52840.ppi import Ppi
from microbrew_host.emulator.schedule import Event, catch_up

LF_HZ = 32768
_MASK = 0xFFFFFF
_TICK, _OVERFLOW = 0x100, 0x104


class Rtc(Block):
    """``channels``: compare registers, 3 or 4."""

    def __init__(self, base: int, ppi: Ppi, channels: int) -> None:
        super().__init__(base, ppi)
        self._channels = channels
        self.tasks = {0x00: self._start, 0x04: self._stop, 0x08: self._clear, 0x0C: self._near_overflow}
        self._zero_state()

    def _zero_state(self) -> None:
        self._running = False
        self._held = 0
        self._since = 0  # tick of the 32768 Hz clock at which the counter was _held
        self._compare = [0] * self._channels
        self._routed = 0
        self._due: dict[int, Event] = {}

    def reset(self) -> None:
        self._zero_state()
        super().reset()

    def _lf_ticks(self) -> int:
        return self.core.now * LF_HZ // self.core.hz

    def _divider(self) -> int:
        return (self.registers.get(0x508, 0) & 0xFFF) + 1

    def value(self) -> int:
        """The counter."""
        if not self._running:
            return self._held
        return self._held + (self._lf_ticks() - self._since) // self._divider() & _MASK

    def _set(self, value: int) -> None:
        self._held = value
        self._since = self._lf_ticks()
        self._plan()

    def _start(self) -> None:
        if not self._running:
            self._running = True
            self._set(self._held)

    def _stop(self) -> None:
        self._held = self.value()
        self._running = False
        self._plan()

    def _clear(self) -> None:
        self._set(0)

    def _near_overflow(self) -> None:
        self._set(0xFFFFF0)

    def _plan(self) -> None:
        for event in self._due.values():
            event.cancel()
        self._due.clear()
        if not self._running:
            return
        wanted = self.inten | self._routed
        if wanted & 1:
            self._plan_one(_TICK, (self.value() + 1) & _MASK)
        self._plan_one(_OVERFLOW, 0)
        for channel in range(self._channels):
            if wanted >> 16 + channel & 1:
                self._plan_one(0x140 + 4 * channel, self._compare[channel])

    def _plan_one(self, event: int, target: int) -> None:
        elapsed = (self._lf_ticks() - self._since) // self._divider()
        distance = target - self._held - elapsed & _MASK or _MASK + 1
        ticks = self._since + (elapsed + distance) * self._divider()
        time = -(-ticks * self.core.hz // LF_HZ)
        self._due[event] = self.core.at(time, lambda: self._reached(event))

    def _reached(self, event: int) -> None:
        del self._due[event]
        bit = (event - 0x100) // 4
        # An event without interrupt or route enabled is not generated.
        if (self.inten | self._routed) >> bit & 1:
            self.signal(event)
        if event not in self._due and self._running:
            self._plan_one(event, self._target(event))

    def _target(self, event: int) -> int:
        if event == _TICK:
            return (self.value() + 1) & _MASK
        return 0 if event == _OVERFLOW else self._compare[(event - 0x140) // 4]

    def write(self, offset: int, value: int) -> None:
        catch_up(self._due.values(), self.core.now)
        super().write(offset, value)
        if offset in (0x300, 0x304, 0x308):
            self._plan()

    def get(self, offset: int) -> int:
        if offset == 0x504:
            return self.value()
        if offset in (0x340, 0x344, 0x348):
            return self._routed
        if 0x540 <= offset < 0x540 + 4 * self._channels:
            return self._compare[(offset - 0x540) // 4]
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        if offset == 0x340:
            self._routed = value
        elif offset == 0x344:
            self._routed |= value
        elif offset == 0x348:
            self._routed &= ~value
        elif 0x540 <= offset < 0x540 + 4 * self._channels:
            self._compare[(offset - 0x540) // 4] = value & _MASK
        elif offset == 0x508:
            if not self._running:
                super().put(offset, value)
        else:
            super().put(offset, value)
        self._plan()
