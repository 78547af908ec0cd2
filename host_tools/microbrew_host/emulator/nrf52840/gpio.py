"""P0 and P1: pins, their levels and pulls, and what is connected to them from outside."""

from __future__ import annotations

from collections.abc import Callable

from microbrew_host.emulator.peripheral import Peripheral

_PULL_UP = 3


class Gpio(Peripheral):
    """A port. ``drive`` sets a pin from outside; an input that nobody drives shows its pull."""

    def __init__(self, base: int, pins: int) -> None:
        # P1 has its registers from 0x500 on too, so that they lie behind those of P0.
        super().__init__(base, 0x800 if base == 0x50000000 else 0xD00)
        self._pins = pins
        self._driven: dict[int, bool] = {}
        self._sense_latch = 0
        # Called with (pin, level) when an output changes.
        self.on_output: Callable[[int, bool], None] | None = None
        # Called with (pin, level) when an input changes: the GPIOTE.
        self.on_input: Callable[[int, bool], None] | None = None
        self._zero_state()

    def _zero_state(self) -> None:
        self._out = self._dir = 0
        self._config = [2] * 32
        self._detect = 0

    def reset(self) -> None:
        self._zero_state()

    def drive(self, pin: int, level: bool | None) -> None:
        """Connect a pin to ground or supply, or to nothing (None)."""
        before = self.level(pin)
        if level is None:
            self._driven.pop(pin, None)
        else:
            self._driven[pin] = level
        after = self.level(pin)
        if before != after and self.on_input is not None:
            self.on_input(pin, after)

    def level(self, pin: int) -> bool:
        """What the pin is at."""
        if self._dir >> pin & 1:
            return bool(self._out >> pin & 1)
        if pin in self._driven:
            return self._driven[pin]
        return self._config[pin] >> 2 & 3 == _PULL_UP

    def output(self, pin: int) -> bool | None:
        """What the chip drives the pin to; None if it does not."""
        return bool(self._out >> pin & 1) if self._dir >> pin & 1 else None

    def sense(self, pin: int) -> bool:
        """Whether the pin is at the level that its SENSE waits for."""
        wanted = self._config[pin] >> 16 & 3
        return wanted == (2 if self.level(pin) else 3)

    def set_output(self, pin: int, level: bool) -> None:
        """Also from the GPIOTE."""
        self._drive_out(self._out | 1 << pin if level else self._out & ~(1 << pin))

    def _drive_out(self, value: int) -> None:
        changed = (value ^ self._out) & self._dir
        self._out = value
        if self.on_output is not None:
            for pin in range(self._pins):
                if changed >> pin & 1:
                    self.on_output(pin, bool(value >> pin & 1))

    def _set_dir(self, value: int) -> None:
        fresh = value & ~self._dir
        self._dir = value
        for pin in range(32):
            self._config[pin] = self._config[pin] & ~1 | value >> pin & 1
            if fresh >> pin & 1 and self.on_output is not None:
                self.on_output(pin, bool(self._out >> pin & 1))

    def read(self, offset: int) -> int:
        if offset in (0x504, 0x508, 0x50C):
            return self._out
        if offset == 0x510:
            # An output shows only with its input buffer connected.
            return sum(self.level(pin) << pin for pin in range(self._pins) if not self._config[pin] & 2)
        if offset in (0x514, 0x518, 0x51C):
            return self._dir
        if offset == 0x520:
            return self._sense_latch | sum(self.sense(pin) << pin for pin in range(self._pins))
        if offset == 0x524:
            return self._detect
        if 0x700 <= offset < 0x780:
            return self._config[(offset - 0x700) // 4]
        return 0

    def write(self, offset: int, value: int) -> None:
        match offset:
            case 0x504:
                self._drive_out(value)
            case 0x508:
                self._drive_out(self._out | value)
            case 0x50C:
                self._drive_out(self._out & ~value)
            case 0x514:
                self._set_dir(value)
            case 0x518:
                self._set_dir(self._dir | value)
            case 0x51C:
                self._set_dir(self._dir & ~value)
            case 0x520:
                self._sense_latch &= ~value
            case 0x524:
                self._detect = value & 1
            case _ if 0x700 <= offset < 0x780:
                pin = (offset - 0x700) // 4
                self._config[pin] = value
                self._set_dir(self._dir | 1 << pin if value & 1 else self._dir & ~(1 << pin))
