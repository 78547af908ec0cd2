"""UART and UARTE: one block with two faces, chosen by ENABLE.

Bytes take their time on the line, ten bits each at BAUDRATE. With flow control on (CONFIG.HWFC) and its pins connected,
RTS holds back who sends while the receiver is stopped or has room for four more bytes only, and CTS holds back the
transmitter. Without, what comes while no receiver listens, or while its FIFO is full, is lost. Not modelled: parity,
framing errors, levels of the pins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from microbrew_host.emulator.nrf52840.block import Block
from microbrew_host.emulator.nrf52840.ppi import Ppi
from microbrew_host.emulator.schedule import Event

_LEGACY, _DMA = 4, 8
# Bytes. Nordic's own drivers reckon with five in front of the DMA.
_FIFO = {_LEGACY: 6, _DMA: 5}
# For how many bytes there is room yet when RTS goes up, and how many may come after STOPRX.
_SPARE = 4
_DISCONNECTED = 1 << 31
_HWFC = 1
_CTS, _NCTS = 0x100, 0x104
_RXDRDY, _ENDRX, _TXDRDY, _ENDTX, _ERROR = 0x108, 0x110, 0x11C, 0x120, 0x124
_RXTO, _RXSTARTED, _TXSTARTED, _TXSTOPPED = 0x144, 0x14C, 0x150, 0x158
_OVERRUN = 1
_BITS = 10


class Uart(Block):
    """``on_byte``: called with each byte that has left. ``feed`` gives it bytes; ``lost`` counts those nobody took."""

    SHORTS = ((3, _CTS, 0x00), (4, _NCTS, 0x04), (5, _ENDRX, 0x00), (6, _ENDRX, 0x04))
    RESET = {0x508: 0xFFFFFFFF, 0x50C: 0xFFFFFFFF, 0x510: 0xFFFFFFFF, 0x514: 0xFFFFFFFF, 0x524: 0x04000000}

    def __init__(self, base: int, ppi: Ppi) -> None:
        super().__init__(base, ppi)
        self.on_byte: Callable[[int], None] | None = None
        self.lost = 0
        self._outside: deque[int] = deque()
        # What is on CTS; a probe takes what it gets.
        self._clear = True
        self.tasks = {0x00: self._start_rx, 0x04: self._stop_rx, 0x08: self._start_tx, 0x0C: self._stop_tx}
        self.tasks[0x2C] = self._flush_rx
        self._zero_state()

    def _zero_state(self) -> None:
        self._receiving = False
        self._closing: Event | None = None
        self._fifo: deque[int] = deque()
        self._arrival: Event | None = None
        self._into = self._room = self._amount = 0
        self._dma_armed = False
        self._sending: bytes = b""
        self._sent = 0
        self._departure: Event | None = None
        self._transmitting = False
        self._errors = 0

    def reset(self) -> None:
        self._zero_state()
        super().reset()
        self._expect()

    @property
    def _mode(self) -> int:
        return self.registers.get(0x500, 0) & 15

    def _byte_cycles(self) -> int:
        baud = self.registers[0x524] * 16_000_000 / 2**32
        return round(_BITS * self.core.hz / max(baud, 1))

    # In

    def feed(self, data: bytes) -> None:
        """Bytes from outside, in line behind those that wait."""
        self._outside.extend(data)
        self._expect()

    @property
    def waiting(self) -> int:
        """Bytes from outside that the line has not carried yet."""
        return len(self._outside)

    def _flow_control(self, pin: int) -> bool:
        enabled = self._mode in _FIFO and self.registers.get(0x56C, 0) & _HWFC
        return bool(enabled) and not self.registers[pin] & _DISCONNECTED

    @property
    def holds_back(self) -> bool:
        """Whether RTS tells who sends to wait."""
        if not self._flow_control(0x508):
            return False
        return not self._receiving or len(self._fifo) >= _FIFO[self._mode] - _SPARE

    def _expect(self) -> None:
        if self._outside and self._arrival is None and not self.holds_back:
            self._arrival = self.core.at(self.core.now + self._byte_cycles(), self._arrived)

    def _arrived(self) -> None:
        self._arrival = None
        self._take(self._outside.popleft())
        self._expect()

    def _take(self, byte: int) -> None:
        if not self._receiving and self._closing is None:
            self.lost += 1
        elif len(self._fifo) >= _FIFO[self._mode]:
            self.lost += 1
            self._errors |= _OVERRUN
            self.signal(_ERROR)
        else:
            self._fifo.append(byte)
            if self._mode == _DMA:
                self.signal(_RXDRDY)
                self._move()
            elif len(self._fifo) == 1:
                self.signal(_RXDRDY)

    def _move(self) -> None:
        while self._fifo and self._dma_armed:
            self.store(self._into + self._amount, bytes((self._fifo.popleft(),)))
            self._amount += 1
            if self._amount >= self._room:
                self._end_rx()
        self._expect()

    def _end_rx(self) -> None:
        self._dma_armed = False
        self.registers[0x53C] = self._amount
        self.signal(_ENDRX)

    def _start_rx(self) -> None:
        if self._mode == _DMA:
            self._into = self.registers.get(0x534, 0)
            self._room = self.registers.get(0x538, 0) & 0xFFFF
            self._amount = 0
            self._dma_armed = self._room > 0
            self.signal(_RXSTARTED)
            self._move()
        elif self._mode != _LEGACY:
            return
        self._receiving = True
        self._expect()

    def _stop_rx(self) -> None:
        if not self._receiving:
            return
        self._receiving = False
        if self._mode == _DMA and self._dma_armed:
            self._end_rx()
        # Who sends may be late to notice RTS.
        self._closing = self.core.at(self.core.now + _SPARE * self._byte_cycles(), self._closed)

    def _closed(self) -> None:
        self._closing = None
        self.signal(_RXTO)

    def _flush_rx(self) -> None:
        self._into = self.registers.get(0x534, 0)
        self._room = self.registers.get(0x538, 0) & 0xFFFF
        self._amount = 0
        self._dma_armed = self._room > 0
        self._move()
        if self._dma_armed:
            self._end_rx()

    # Out

    def _start_tx(self) -> None:
        if self._mode == _DMA:
            count = self.registers.get(0x548, 0) & 0xFFFF
            self._sending = self.fetch(self.registers.get(0x544, 0), count)
            self._sent = 0
            self.signal(_TXSTARTED)
            if count:
                self._depart()
            else:
                self._end_tx()
        elif self._mode == _LEGACY:
            self._transmitting = True

    def set_clear(self, clear: bool) -> None:
        """What the other end drives CTS to: clear to send, or wait. A byte that is on its way goes all the way."""
        if clear == self._clear:
            return
        self._clear = clear
        if self._flow_control(0x510):
            self.signal(_CTS if clear else _NCTS)
        if self._sending:
            self._depart()

    def _depart(self) -> None:
        if self._departure is None and (self._clear or not self._flow_control(0x510)):
            self._departure = self.core.at(self.core.now + self._byte_cycles(), self._departed)

    def _departed(self) -> None:
        self._departure = None
        if self.on_byte is not None:
            self.on_byte(self._sending[self._sent])
        self._sent += 1
        self.signal(_TXDRDY)
        if self._sent < len(self._sending):
            self._depart()
        elif self._mode == _DMA:
            self._end_tx()

    def _end_tx(self) -> None:
        self.registers[0x54C] = self._sent
        self._sending = b""
        self.signal(_ENDTX)

    def _stop_tx(self) -> None:
        if self._departure is not None:
            self._departure.cancel()
            self._departure = None
        if self._mode == _DMA:
            if self._sending:
                self._end_tx()
            self.signal(_TXSTOPPED)
        self._transmitting = False

    # Registers

    def get(self, offset: int) -> int:
        if offset == 0x480:
            return self._errors
        if offset == 0x518 and self._mode == _LEGACY:
            value = self._fifo.popleft() if self._fifo else 0
            if self._fifo:
                # The next byte moves up and says so.
                self.signal(_RXDRDY)
            self._expect()
            return value
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        if offset == 0x480:
            self._errors &= ~value
        elif offset == 0x51C and self._mode == _LEGACY:
            if self._transmitting and self._departure is None:
                self._sending, self._sent = bytes((value & 0xFF,)), 0
                self._depart()
        else:
            super().put(offset, value)
            if offset == 0x500 and not value:
                self._receiving = self._transmitting = self._dma_armed = False
                self._fifo.clear()
            if offset in (0x500, 0x508, 0x56C):
                self._expect()
