"""AON_RTC: seconds and their 2**32nd parts from the 32768 Hz clock, compare channels, the interrupt that they share.

Capture, continuous compare and delayed events are not modelled; ImageFault says so.
"""

from __future__ import annotations

from microbrew_host.emulator.cc2652.block import ImageFault, RegisterBlock
from microbrew_host.emulator.schedule import Event

_CTL, _EVFLAGS, _SEC, _SUBSEC, _SUBSECINC, _CHCTL = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
_COMPARE = (0x18, 0x1C, 0x20)
_SYNC, _TIME, _SYNCLF = 0x2C, 0x30, 0x34
_READ_ONLY = (_SEC, _SUBSEC, _SUBSECINC, _TIME)
_RUN, _RESET = 1 << 0, 1 << 7
_DELAY = 0xF << 8
_CAPTURE, _CONTINUOUS = 1 << 9, 1 << 18
# Bit of a channel in EVFLAGS and CHCTL; in CTL, of those that make the interrupt.
_CHANNEL = (1 << 0, 1 << 8, 1 << 16)
_COMBINED = 16
_IRQ = 4

LF_HZ = 32768
# What a cycle of that clock adds, in compare's units of 2**-16 s.
_UNITS = 2
_UNITS_PER_SECOND = 1 << 16
_TURN = 1 << 32


class Rtc(RegisterBlock):
    """It and its settings survive every reset but that of power. ``events`` counts."""

    def __init__(self) -> None:
        super().__init__(0x40092000)
        self._due: list[Event | None] = [None] * 3
        self._before = 0
        self._since: int | None = None
        self.events = 0
        self._power_on()

    def _power_on(self) -> None:
        self.words = {}
        self._before = 0  # cycles of the 32768 Hz clock that were counted until ...
        self._since = None  # ... this one; None: it stands still
        self._latched = 0
        self._flags = 0
        # Until then a channel's event is lost, because its flag is being cleared, which takes precedence.
        self._clearing = [0, 0, 0]

    def reset(self) -> None:
        if self.core.reset_reason == "power":
            self._power_on()
        self._due = [None] * 3
        self._plan_all()
        self._update()

    # Time

    def _lf(self) -> int:
        """Cycles of the 32768 Hz clock since power came."""
        return self.core.now * LF_HZ // self.core.hz

    def _count(self) -> int:
        return self._before if self._since is None else self._before + self._lf() - self._since

    def set_time(self, seconds: float) -> None:
        """Have it count on from there, for a test that cannot wait for so long."""
        self._before = int(seconds * LF_HZ)
        self._since = None if self._since is None else self._lf()
        self._plan_all()

    def synchronises(self) -> bool:
        """Enabled, with the updates by which the RF core's timer starts."""
        return self.words.get(_CTL, 0) & 3 == 3

    # Events

    def _update(self) -> None:
        enabled = self.words.get(_CTL, 0) >> _COMBINED
        up = any(self._flags & bit and enabled >> channel & 1 for channel, bit in enumerate(_CHANNEL))
        self.core.nvic.set_level(_IRQ, up)

    def _plan_all(self) -> None:
        for channel in range(3):
            self._plan(channel)

    def _plan(self, channel: int, fresh: bool = True) -> None:
        """When the channel's event comes. A ``fresh`` value that went by within the last second is one at once."""
        event = self._due[channel]
        if event is not None:
            event.cancel()
        self._due[channel] = None
        if self._since is None or not self.words.get(_CHCTL, 0) & _CHANNEL[channel]:
            return
        count = self._count()
        distance = (self.words.get(_COMPARE[channel], 0) - count * _UNITS) % _TURN
        if fresh and (distance == 0 or distance > _TURN - _UNITS_PER_SECOND):
            distance = 1
        cycles = self._since + (count - self._before) + -(-(distance or _TURN) // _UNITS)
        time = -(-cycles * self.core.hz // LF_HZ)
        self._due[channel] = self.core.at(time, lambda: self._reached(channel))

    def _reached(self, channel: int) -> None:
        if self.core.now >= self._clearing[channel]:
            self.events += 1
            self._flags |= _CHANNEL[channel]
            self._update()
        self._plan(channel, fresh=False)

    # Registers

    def read(self, offset: int) -> int:
        if offset == _SEC:
            count = self._count()
            self._latched = count % LF_HZ * (_TURN // LF_HZ)
            return count // LF_HZ % _TURN
        if offset == _SUBSEC:
            return self._latched
        if offset == _SUBSECINC:
            return 0x800000
        if offset == _TIME:
            return self._count() * _UNITS % _TURN
        if offset == _EVFLAGS:
            return self._flags
        return 0 if offset in (_SYNC, _SYNCLF) else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset in _READ_ONLY:
            return
        if offset == _EVFLAGS:
            self._clear(value)
            return
        if offset == _CTL:
            self._control(value)
            return
        if offset == _CHCTL and value & (_CAPTURE | _CONTINUOUS):
            raise ImageFault("capture and continuous compare of AON_RTC are not modelled")
        super().write(offset, value)
        if offset == _CHCTL:
            self._plan_all()
        elif offset in _COMPARE:
            self._plan(_COMPARE.index(offset))

    def _clear(self, value: int) -> None:
        edge = -(-(self._lf() + 1) * self.core.hz // LF_HZ)
        for channel, bit in enumerate(_CHANNEL):
            if value & bit:
                self._flags &= ~bit
                self._clearing[channel] = edge
        self._update()

    def _control(self, value: int) -> None:
        if value & _DELAY:
            raise ImageFault("delayed events of AON_RTC are not modelled")
        count = 0 if value & _RESET else self._count()
        self.words[_CTL] = value & ~_RESET
        self._before, self._since = count, self._lf() if value & _RUN else None
        self._plan_all()
        self._update()
