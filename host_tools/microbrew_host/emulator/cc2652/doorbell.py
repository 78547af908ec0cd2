"""The RF core's mailbox, power gates and timer as the processor sees them. Commands go on to rf_core.py."""

from __future__ import annotations

from collections.abc import Callable

from microbrew_host.emulator.cc2652.block import Gated, ImageFault

_CMDR, _CMDSTA, _RFCPEIFG, _RFCPEIEN, _RFCPEISL, _RFACKIFG = 0x00, 0x04, 0x10, 0x14, 0x18, 0x1C
_CPE0_IRQ, _CPE1_IRQ, _ACK_IRQ = 9, 2, 11
_RATCNT = 0x04
RAT_HZ = 4_000_000

# From the write of CMDR to the acknowledgement.
_ANSWER_SECONDS = 5e-6


class Doorbell(Gated):
    """``command(value)`` returns CMDSTA's result byte for what was written to CMDR."""

    def __init__(self, has_clock: Callable[[], bool]) -> None:
        super().__init__(0x40041000, has_clock)
        self.command: Callable[[int], int] = lambda _value: 0x85
        self.listening: Callable[[], bool] = lambda: False
        # Set: commands are never acknowledged, as by an RF core that has crashed.
        self.hangs = False

    def reset(self) -> None:
        super().reset()
        self._flags = 0
        self._acknowledged = False
        self._status = 0
        self._waiting = 0

    def power_lost(self) -> None:
        """Everything in it is gone, but what has pended at the NVIC."""
        self.reset()
        self.words = {}
        self._update()

    def raise_flags(self, flags: int) -> None:
        """Set bits of RFCPEIFG."""
        self._flags |= flags
        self._update()

    def _update(self) -> None:
        up = self._flags & self.words.get(_RFCPEIEN, 0)
        select = self.words.get(_RFCPEISL, 0)
        self.core.nvic.set_level(_CPE0_IRQ, bool(up & ~select))
        self.core.nvic.set_level(_CPE1_IRQ, bool(up & select))
        self.core.nvic.set_level(_ACK_IRQ, self._acknowledged)

    def get(self, offset: int) -> int:
        if offset == _CMDR:
            return self._waiting
        if offset == _CMDSTA:
            return self._status
        if offset == _RFCPEIFG:
            return self._flags
        if offset == _RFACKIFG:
            return int(self._acknowledged)
        return super().get(offset)

    def set(self, offset: int, value: int) -> None:
        if offset == _CMDR:
            if self._waiting:
                raise ImageFault("a command was written while another waited")
            if self._acknowledged:
                raise ImageFault("a command was written with the acknowledgement of another still set")
            self._waiting = value
            self._status = 0
            self.core.at(self.core.now + self.core.cycles(_ANSWER_SECONDS), self._answer)
        elif offset == _RFCPEIFG:
            self._flags &= value
            self._update()
        elif offset == _RFACKIFG:
            self._acknowledged = False
            self._update()
        else:
            super().set(offset, value)
            self._update()

    def _answer(self) -> None:
        if self.hangs or not self._waiting or not self.listening():
            return
        value, self._waiting = self._waiting, 0
        self._status = self.command(value)
        self._acknowledged = True
        self._update()


class RfPower(Gated):
    """RFC_PWR: clocks within the RF core; ``changed(value)`` hears of them."""

    def __init__(self, has_clock: Callable[[], bool]) -> None:
        super().__init__(0x40040000, has_clock)
        self.changed: Callable[[int], None] = lambda _value: None

    def set(self, offset: int, value: int) -> None:
        super().set(offset, value)
        if offset == 0:
            self.changed(value)


class RadioTimer(Gated):
    """RAT: 4 MHz, counts from CMD_SYNC_START_RAT on."""

    def __init__(self, has_clock: Callable[[], bool]) -> None:
        super().__init__(0x40043000, has_clock)
        self._started: int | None = None

    def reset(self) -> None:
        super().reset()
        self._started = None

    def start(self) -> None:
        """Begin to count."""
        self._started = self.core.now

    def stop(self) -> None:
        """Power is gone."""
        self._started = None

    @property
    def running(self) -> bool:
        """Whether it counts."""
        return self._started is not None

    def at_cycle(self, cycle: int) -> int:
        """Its count at a cycle of the processor."""
        if self._started is None:
            return 0
        return (cycle - self._started) * RAT_HZ // self.core.hz & 0xFFFFFFFF

    def get(self, offset: int) -> int:
        return self.at_cycle(self.core.now) if offset == _RATCNT else super().get(offset)
