"""TIMER: counts 16 MHz divided by a power of two, or events."""

from __future__ import annotations

from microbrew_host.emulator.nrf52840.block import Block
from microbrew_host.emulator.nrf52840.ppi import Ppi
from microbrew_host.emulator.schedule import Event, catch_up

_HZ = 16_000_000
_WIDTH = (16, 8, 24, 32)


class Timer(Block):
    """``channels``: compare registers, 4 or 6. An event comes when the counter becomes equal to one."""

    RESET = {0x510: 4}

    def __init__(self, base: int, ppi: Ppi, channels: int) -> None:
        self.SHORTS = tuple((i, 0x140 + 4 * i, 0x0C) for i in range(channels)) + tuple(
            (8 + i, 0x140 + 4 * i, 0x04) for i in range(channels)
        )
        super().__init__(base, ppi)
        self._channels = channels
        self.tasks = {0x00: self._start, 0x04: self._stop, 0x08: self._count, 0x0C: self._clear, 0x10: self._shutdown}
        for channel in range(channels):
            self.tasks[0x40 + 4 * channel] = lambda channel=channel: self._capture(channel)  # type: ignore[misc]
        self._zero_state()

    def _zero_state(self) -> None:
        self._running = False
        self._held = 0
        self._since = 0  # cycle at which the counter was _held
        self._compare = [0] * self._channels
        self._due: list[Event | None] = [None] * self._channels
        # What is due was planned for a value that a capture has replaced since.
        self._early = [False] * self._channels

    def reset(self) -> None:
        self._zero_state()
        super().reset()

    @property
    def _counts_events(self) -> bool:
        return self.registers.get(0x504, 0) & 3 != 0

    def _tick(self) -> int:
        return self.core.hz // _HZ << min(self.registers[0x510] & 15, 9)

    def _mask(self) -> int:
        return (1 << _WIDTH[self.registers.get(0x508, 0) & 3]) - 1

    def value(self) -> int:
        """The counter."""
        if self._running and not self._counts_events:
            return self._held + (self.core.now - self._since) // self._tick() & self._mask()
        return self._held & self._mask()

    def _start(self) -> None:
        if not self._running:
            self._running = True
            self._since = self.core.now
            self._plan()

    def _stop(self) -> None:
        self._held = self.value()
        self._running = False
        self._plan()

    def _shutdown(self) -> None:
        self._running = False
        self._held = 0
        self._plan()

    def _clear(self) -> None:
        self._held = 0
        self._since = self.core.now
        self._plan()

    def _count(self) -> None:
        if self._running and self._counts_events:
            self._held = self._held + 1 & self._mask()
            for channel in range(self._channels):
                if self._compare[channel] == self._held:
                    self.signal(0x140 + 4 * channel)

    def _capture(self, channel: int) -> None:
        self._compare[channel] = self.value()
        # It is reached again after a whole turn of the counter: later than what is planned, which then plans anew.
        if self._due[channel] is None:
            self._plan_one(channel)
        else:
            self._early[channel] = True

    def _plan(self) -> None:
        for channel in range(self._channels):
            self._plan_one(channel)

    def _plan_one(self, channel: int) -> None:
        self._early[channel] = False
        due = self._due[channel]
        if due is not None:
            due.cancel()
            self._due[channel] = None
        if not self._running or self._counts_events:
            return
        tick, mask = self._tick(), self._mask()
        if self._compare[channel] & ~mask:
            return
        elapsed = (self.core.now - self._since) // tick
        distance = self._compare[channel] - self._held - elapsed & mask or mask + 1
        time = self._since + (elapsed + distance) * tick
        self._due[channel] = self.core.at(time, lambda: self._reached(channel))

    def _reached(self, channel: int) -> None:
        self._due[channel] = None
        if not self._early[channel]:
            self.signal(0x140 + 4 * channel)
        if self._due[channel] is None:
            self._plan_one(channel)

    def write(self, offset: int, value: int) -> None:
        catch_up(self._due, self.core.now)
        super().write(offset, value)

    def get(self, offset: int) -> int:
        if 0x540 <= offset < 0x540 + 4 * self._channels:
            return self._compare[(offset - 0x540) // 4]
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        if 0x540 <= offset < 0x540 + 4 * self._channels:
            self._compare[(offset - 0x540) // 4] = value & self._mask()
            self._plan_one((offset - 0x540) // 4)
        else:
            super().put(offset, value)
            self._plan()
