"""IOC and GPIO: what each of the 31 pins is connected to, its level, the LaunchPad's LEDs and buttons."""

from __future__ import annotations

from collections.abc import Callable

from microbrew_host.emulator.cc2652.block import Gated, RegisterBlock

LED_RED, LED_GREEN, BUTTON_1, BUTTON_2 = 6, 7, 13, 14
_PORT, _INPUT = 0x3F, 1 << 29
_DOUT, _DOUTSET, _DOUTCLR, _DOUTTGL, _DIN, _DOE = 0x80, 0x90, 0xA0, 0xB0, 0xC0, 0xD0


class Ioc(RegisterBlock):
    """A word for each pin."""

    def __init__(self) -> None:
        super().__init__(0x40081000)

    def port(self, dio: int) -> int:
        """The function that a pin is connected to; 0 is GPIO."""
        return self.words.get(4 * dio, 0) & _PORT

    def is_input(self, dio: int) -> bool:
        """Whether the pin's input is on."""
        return bool(self.words.get(4 * dio, 0) & _INPUT)


class Gpio(Gated):
    """``pressed``: numbers of the buttons that are held down."""

    def __init__(self, ioc: Ioc, has_clock: Callable[[], bool]) -> None:
        super().__init__(0x40022000, has_clock)
        self._ioc = ioc
        self.pressed: set[int] = set()

    def led(self, dio: int) -> bool:
        """Whether the LED at a pin is lit."""
        driven = self.words.get(_DOUT, 0) & self.words.get(_DOE, 0)
        return bool(driven >> dio & 1) and self._ioc.port(dio) == 0

    def get(self, offset: int) -> int:
        if offset == _DIN:
            # Pulled up; a button pulls down.
            return sum(1 << dio for dio in range(32) if self._ioc.is_input(dio) and dio not in self.pressed)
        return super().get(offset)

    def set(self, offset: int, value: int) -> None:
        out = self.words.get(_DOUT, 0)
        if offset == _DOUTSET:
            out |= value
        elif offset == _DOUTCLR:
            out &= ~value
        elif offset == _DOUTTGL:
            out ^= value
        else:
            super().set(offset, value)
            return
        self.words[_DOUT] = out
