"""PL011 UART: FIFOs of 32, receive and receive-time-out interrupts, the line's speed, pins that must be connected."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from microbrew_host.emulator.cc2652.block import Gated
from microbrew_host.emulator.cc2652.pins import Ioc

_DR, _FR, _IBRD, _FBRD, _LCRH, _CTL, _IFLS = 0x00, 0x18, 0x24, 0x28, 0x2C, 0x30, 0x34
_IMSC, _RIS, _MIS, _ICR = 0x38, 0x3C, 0x40, 0x44
_BUSY, _RXFE, _TXFF, _TXFE = 1 << 3, 1 << 4, 1 << 5, 1 << 7
_RX, _RX_TIMEOUT = 1 << 4, 1 << 6
_ENABLE, _TXE, _RXE = 1, 1 << 8, 1 << 9
_FIFO_ENABLE = 1 << 4
_FIFO = 32
_LEVELS = (4, 8, 16, 24, 28)


class Uart(Gated):
    """``port`` 0 or 1. ``on_byte(byte)`` gets what is sent; ``feed`` puts bytes on the receiving line."""

    def __init__(self, port: int, ioc: Ioc, pins: tuple[int, int], has_clock: Callable[[], bool]) -> None:
        super().__init__(0x40001000 + 0xA000 * port, has_clock)
        self._irq = (5, 36)[port]
        self._ioc = ioc
        self._rx_pin, self._tx_pin = pins
        self._rx_port, self._tx_port = 0x0F + 4 * port, 0x10 + 4 * port
        self._line: deque[int] = deque()
        self.on_byte: Callable[[int], None] = lambda _byte: None
        # Bytes that came while the FIFO was full.
        self.overruns = 0

    def reset(self) -> None:
        super().reset()
        self._received: deque[int] = deque()
        self._sending: deque[int] = deque()
        self._raw = 0
        self._arriving = False
        if self._line:
            self._next_arrives()

    def _byte_cycles(self) -> int:
        divider = self.words.get(_IBRD, 0) * 64 + self.words.get(_FBRD, 0)
        # 10 bits of 16 * divider / 64 cycles; before the image has set it, an arbitrary speed.
        return max(1, divider * 10 * 16 // 64) if divider else 4000

    def feed(self, data: bytes) -> None:
        """Bytes that somebody sends, at the line's speed. They are lost where no receiver is on."""
        self._line.extend(data)
        if not self._arriving:
            self._next_arrives()

    @property
    def waiting(self) -> int:
        """Bytes from outside that the line has not carried yet."""
        return len(self._line)

    def _next_arrives(self) -> None:
        self._arriving = True
        self.core.at(self.core.now + self._byte_cycles(), self._arrive)

    def _receiving(self) -> bool:
        control = self.words.get(_CTL, 0)
        connected = self._ioc.port(self._rx_pin) == self._rx_port and self._ioc.is_input(self._rx_pin)
        return bool(control & _ENABLE and control & _RXE and connected and self.has_clock())

    def _arrive(self) -> None:
        self._arriving = False
        byte = self._line.popleft()
        if self._receiving():
            depth = _FIFO if self.words.get(_LCRH, 0) & _FIFO_ENABLE else 1
            if len(self._received) >= depth:
                self.overruns += 1
            else:
                self._received.append(byte)
            level = _LEVELS[min(self.words.get(_IFLS, 0x12) >> 3 & 7, 4)] if depth > 1 else 1
            if len(self._received) >= level:
                self._raw |= _RX
            if not self._line:
                # The line has gone quiet: 32 bit times later the rest is announced.
                self.core.at(self.core.now + self._byte_cycles() * 32 // 10, self._timeout)
            self._update()
        if self._line:
            self._next_arrives()

    def _timeout(self) -> None:
        if self._received:
            self._raw |= _RX_TIMEOUT
            self._update()

    def _update(self) -> None:
        self.core.nvic.set_level(self._irq, bool(self._raw & self.words.get(_IMSC, 0)))

    def get(self, offset: int) -> int:
        if offset == _DR:
            byte = self._received.popleft() if self._received else 0
            if not self._received:
                self._raw &= ~(_RX | _RX_TIMEOUT)
                self._update()
            return byte
        if offset == _FR:
            flags = 0 if self._received else _RXFE
            flags |= _BUSY if self._sending else 0
            # The byte that is being shifted out is no longer in the FIFO.
            flags |= _TXFE if len(self._sending) <= 1 else 0
            return flags | (_TXFF if len(self._sending) >= _FIFO else 0)
        if offset == _RIS:
            return self._raw
        if offset == _MIS:
            return self._raw & self.words.get(_IMSC, 0)
        return super().get(offset)

    def set(self, offset: int, value: int) -> None:
        if offset == _DR:
            if self.words.get(_CTL, 0) & (_ENABLE | _TXE) == _ENABLE | _TXE and len(self._sending) < _FIFO:
                self._sending.append(value & 0xFF)
                if len(self._sending) == 1:
                    self.core.at(self.core.now + self._byte_cycles(), self._sent)
        elif offset == _ICR:
            self._raw &= ~value
            self._update()
        else:
            super().set(offset, value)
            if offset == _IMSC:
                self._update()

    def _sent(self) -> None:
        byte = self._sending.popleft()
        if self._ioc.port(self._tx_pin) == self._tx_port:
            self.on_byte(byte)
        if self._sending:
            self.core.at(self.core.now + self._byte_cycles(), self._sent)
