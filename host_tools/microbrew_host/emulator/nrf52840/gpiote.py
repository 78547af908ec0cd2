"""GPIOTE: edges of pins as events, tasks that set pins."""

from __future__ import annotations

from microbrew_host.emulator.nrf52840.block import Block
from microbrew_host.emulator.nrf52840.gpio import Gpio
from microbrew_host.emulator.nrf52840.ppi import Ppi

_CHANNELS = 8
_EVENT, _TASK = 1, 3
_PORT = 0x17C


class Gpiote(Block):
    """0x40006000, with both ports."""

    def __init__(self, ppi: Ppi, ports: tuple[Gpio, Gpio]) -> None:
        super().__init__(0x40006000, ppi)
        self._ports = ports
        for number, port in enumerate(ports):
            port.on_input = lambda pin, level, number=number: self._edge(number, pin, level)
        for channel in range(_CHANNELS):
            self.tasks[4 * channel] = lambda channel=channel: self._out(channel)  # type: ignore[misc]
            self.tasks[0x30 + 4 * channel] = lambda channel=channel: self._drive(channel, True)  # type: ignore[misc]
            self.tasks[0x60 + 4 * channel] = lambda channel=channel: self._drive(channel, False)  # type: ignore[misc]

    def _config(self, channel: int) -> tuple[int, int, int, int]:
        """(mode, port, pin, polarity)."""
        value = self.registers.get(0x510 + 4 * channel, 0)
        return value & 3, value >> 13 & 1, value >> 8 & 31, value >> 16 & 3

    def _edge(self, port: int, pin: int, level: bool) -> None:
        for channel in range(_CHANNELS):
            mode, its_port, its_pin, polarity = self._config(channel)
            if mode == _EVENT and (its_port, its_pin) == (port, pin) and polarity & (1 if level else 2):
                self.signal(0x100 + 4 * channel)
        if self._ports[port].sense(pin):
            self.signal(_PORT)

    def _drive(self, channel: int, level: bool) -> None:
        mode, port, pin, _ = self._config(channel)
        if mode == _TASK:
            self._ports[port].set_output(pin, level)

    def _out(self, channel: int) -> None:
        _, port, pin, polarity = self._config(channel)
        if polarity:
            level = not self._ports[port].output(pin) if polarity == 3 else polarity == 1
            self._drive(channel, level)

    def put(self, offset: int, value: int) -> None:
        super().put(offset, value)
        if 0x510 <= offset < 0x510 + 4 * _CHANNELS and value & 3 == _TASK:
            port, pin = self._ports[value >> 13 & 1], value >> 8 & 31
            port.write(0x518, 1 << pin)
            port.set_output(pin, bool(value >> 20 & 1))
