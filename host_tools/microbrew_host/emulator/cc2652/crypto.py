"""The crypto core: key store, AES engine, the DMA between them and memory. As TI's manual (SWCU185) has its registers.

Of the engine's modes there is ECB; of the others, of the hash engine and of access without DMA, ImageFault says so.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from microbrew_host.emulator.cc2652.block import Gated, ImageFault
from microbrew_host.emulator.schedule import Action, Event

_CH0CTL, _CH0ADDR, _CH0LEN = 0x00, 0x04, 0x0C
_DMASTAT, _DMASWRESET = 0x18, 0x1C
_CH1CTL, _CH1ADDR, _CH1LEN = 0x20, 0x24, 0x2C
_DMAPORTERR = 0x7C
_KEYWRITEAREA, _KEYWRITTENAREA, _KEYSIZE, _KEYREADAREA = 0x400, 0x404, 0x408, 0x40C
_AESCTL, _AESDATALEN0, _AESDATALEN1 = 0x550, 0x554, 0x558
_ALGSEL, _SWRESET = 0x700, 0x740
_IRQTYPE, _IRQEN, _IRQCLR, _IRQSET, _IRQSTAT = 0x780, 0x784, 0x788, 0x78C, 0x790
_READ_ONLY = (_DMASTAT, _DMAPORTERR, _IRQSTAT)
_NOT_THERE = (*range(0x540, 0x550, 4), 0x55C, *range(0x560, 0x580, 4), *range(0x600, 0x700, 4))

_RESULT, _INPUT_DONE = 1 << 0, 1 << 1
_BUS_ERROR, _KEY_WRITE_ERROR, _KEY_READ_ERROR = 1 << 31, 1 << 30, 1 << 29
_PORT_ERROR = 1 << 17
_KEY_STORE, _AES = 1, 2
_ENCRYPT = 1 << 2
# CCM, GCM, CBC-MAC, CTR, CBC: all of bits 28 to 5 clear is ECB.
_MODES = 0x1FFFFFE0
_BUSY = 1 << 31
_NO_AREA = 8
_IRQ = 23

_AREAS, _AREA_BYTES, _BLOCK = 8, 16, 16
# Key size to areas: 128, 192 and 256 bits.
_AREAS_OF_A_KEY = {1: 1, 2: 2, 3: 2}
_KEY_BYTES = {1: 16, 2: 24, 3: 32}
_READABLE = (range(352 * 1024), range(0x20000000, 0x20000000 + 80 * 1024))
_WRITABLE = _READABLE[1:]

# 492 Mbit/s at 200 MHz, says the manual of ECB with 128 bits; of longer keys 412 and 355.
_BLOCK_CYCLES = {16: 52, 24: 62, 32: 72}
# One burst of 16 bytes; a key's way to the engine. Assumed.
_BURST_CYCLES = 8
_KEY_CYCLES = 10


class CryptoCore(Gated):
    """0x40024000. ``blocks`` counts what the engine has done.

    ``hangs``: transfers begin and never end. ``bus_errors``: so many transfers are answered by an error of the bus.
    """

    def __init__(self, has_clock: Callable[[], bool]) -> None:
        super().__init__(0x40024000, has_clock)
        self.hangs = False
        self.bus_errors = 0
        self.blocks = 0

    def reset(self) -> None:
        super().reset()
        self.words = {_KEYSIZE: 1, _KEYREADAREA: _NO_AREA}
        # What is in the key store's memory, whether valid or not; which areas are.
        self.store = [bytes(_AREA_BYTES)] * _AREAS
        self.written = 0
        # What the engine has.
        self.key = b""
        self._reading = False
        self._flags = 0
        self._errors = 0
        self._port_error = False
        self._context = False
        self._active: list[Event | None] = [None, None]

    # Interrupts

    def _raise(self, flags: int) -> None:
        enabled = flags & self.words.get(_IRQEN, 0)
        if self.words.get(_IRQTYPE, 0) & 1:
            self._flags |= enabled
            self._update()
        elif enabled & _RESULT:
            self.core.nvic.pend(_IRQ)

    def _update(self) -> None:
        self.core.nvic.set_level(_IRQ, bool(self._flags & _RESULT))

    # Registers

    def get(self, offset: int) -> int:
        if offset == _DMASTAT:
            active = sum(1 << channel for channel in (0, 1) if self._active[channel])
            return active | (_PORT_ERROR if self._port_error else 0)
        if offset == _KEYWRITTENAREA:
            return self.written
        if offset == _KEYREADAREA:
            return super().get(offset) | (_BUSY if self._reading else 0)
        if offset == _IRQSTAT:
            return self._flags | self._errors
        return 0 if offset in (_IRQCLR, _IRQSET, _SWRESET, _DMASWRESET) else super().get(offset)

    def set(self, offset: int, value: int) -> None:
        if offset in _NOT_THERE:
            raise ImageFault(f"register {offset:#x} of the crypto core is not modelled")
        if offset in _READ_ONLY:
            return
        action = {
            _IRQCLR: self._clear,
            _IRQSET: self._raise,
            _KEYWRITTENAREA: self._invalidate,
            _KEYREADAREA: self._read_key,
            _AESCTL: self._set_mode,
            _AESDATALEN1: self._begin_context,
            _CH0LEN: self._start_input,
            _CH1LEN: self._start_output,
            _DMASWRESET: self._reset_dma,
            _SWRESET: self._reset_control,
        }.get(offset)
        super().set(offset, value)
        if offset == _KEYSIZE:
            self.written = 0
        elif action is not None:
            action(value)

    def _clear(self, value: int) -> None:
        self._flags &= ~value
        self._errors &= ~value
        self._update()

    def _reset_dma(self, value: int) -> None:
        if value & 1:
            for event in self._active:
                if event is not None:
                    event.cancel()
            self._active = [None, None]
            self._port_error = False
            self.words[_CH0CTL] = self.words[_CH1CTL] = 0

    def _reset_control(self, value: int) -> None:
        if value & 1:
            self._flags = self._errors = self.written = 0
            self._update()

    # Keys

    def _invalidate(self, value: int) -> None:
        self.written &= ~value

    def _key_areas(self) -> int:
        return _AREAS_OF_A_KEY.get(self.words[_KEYSIZE] & 3, 0)

    def _read_key(self, value: int) -> None:
        self._reading = True
        self.core.at(self.core.now + _KEY_CYCLES, lambda: self._key_read(value & 0xF))

    def _key_read(self, area: int) -> None:
        self._reading = False
        areas = range(area, area + self._key_areas())
        if not areas or any(number >= _AREAS or not self.written >> number & 1 for number in areas):
            self._errors |= _KEY_READ_ERROR
            return
        self.key = b"".join(self.store[number] for number in areas)[: _KEY_BYTES[self.words[_KEYSIZE] & 3]]

    def _store_key(self, data: bytes) -> None:
        areas = [number for number in range(_AREAS) if self.words.get(_KEYWRITEAREA, 0) >> number & 1]
        self.words[_KEYWRITEAREA] = 0
        if not areas or len(data) != _AREA_BYTES * len(areas) or areas[-1] - areas[0] != len(areas) - 1:
            self._errors |= _KEY_WRITE_ERROR
            return
        for i, number in enumerate(areas):
            self.store[number] = data[i * _AREA_BYTES : (i + 1) * _AREA_BYTES]
            self.written |= 1 << number
        self._raise(_RESULT | _INPUT_DONE)

    # Transfers

    def _transfer(self, channel: int, cycles: int, action: Action) -> None:
        if self._active[channel] is not None:
            raise ImageFault(f"DMA channel {channel} of the crypto core was started while it was active")

        def end() -> None:
            self._active[channel] = None
            action()

        never = 1 << 60
        self._active[channel] = self.core.at(never if self.hangs else self.core.now + cycles, end)

    def _on_bus(self, address: int, length: int, memory: tuple[range, ...]) -> bool:
        """Whether memory answers; if not, the error is noted."""
        there = any(address in part and address + length - 1 in part for part in memory)
        if self.bus_errors:
            self.bus_errors -= 1
            there = False
        if not there:
            self._errors |= _BUS_ERROR
            self._port_error = True
        return there

    def _fetch(self) -> bytes | None:
        address, length = self.words.get(_CH0ADDR, 0), self.words[_CH0LEN] & 0xFFFF
        return bytes(self.core.uc.mem_read(address, length)) if self._on_bus(address, length, _READABLE) else None

    def _start_input(self, value: int) -> None:
        if not value & 0xFFFF or not self.words.get(_CH0CTL, 0) & 1:
            return
        target = self.words.get(_ALGSEL, 0)
        if target == _KEY_STORE:
            self._transfer(0, (value + 15) // 16 * _BURST_CYCLES, self._key_fetched)
        elif target == _AES:
            self._start_block()
        elif target:
            raise ImageFault(f"the crypto core's DMA to {target:#x} is not modelled")
        # Without a target the core has no clock for its DMA, and nothing happens.

    def _key_fetched(self) -> None:
        data = self._fetch()
        if data is not None:
            self._store_key(data)

    # AES

    def _set_mode(self, value: int) -> None:
        if value & _MODES:
            raise ImageFault("only ECB of the AES engine is modelled")
        self._context = False

    def _begin_context(self, _value: int) -> None:
        if not self.key or self._reading:
            raise ImageFault("the AES engine was given a length before a key")
        self._context = True

    def _start_output(self, value: int) -> None:
        if value & 0xFFFF and self.words.get(_CH1CTL, 0) & 1 and self.words.get(_ALGSEL, 0) == _AES:
            self._start_block()

    def _start_block(self) -> None:
        """Both channels are needed: what comes in goes out."""
        lengths = [self.words.get(offset, 0) & 0xFFFF for offset in (_CH0LEN, _CH1LEN, _AESDATALEN0)]
        if not self._context or not all(lengths):
            return
        if len(set(lengths)) != 1 or lengths[0] % _BLOCK:
            raise ImageFault(f"ECB over lengths {lengths} in, out and of the context")
        blocks = lengths[0] // _BLOCK
        cycles = blocks * _BLOCK_CYCLES[len(self.key)] + 2 * _BURST_CYCLES
        self._context = False
        self._transfer(0, cycles, lambda: None)
        self._transfer(1, cycles, lambda: self._encrypted(blocks))

    def _encrypted(self, blocks: int) -> None:
        data = self._fetch()
        address, length = self.words.get(_CH1ADDR, 0), blocks * _BLOCK
        self.words[_CH0LEN] = self.words[_CH1LEN] = 0
        if data is None or not self._on_bus(address, length, _WRITABLE):
            return
        # One block at a time is what this mode is.
        cipher = Cipher(algorithms.AES(self.key), modes.ECB())  # noqa: S305
        worker = cipher.encryptor() if self.words.get(_AESCTL, 0) & _ENCRYPT else cipher.decryptor()
        self.core.uc.mem_write(address, worker.update(data))
        self.blocks += blocks
        self._raise(_RESULT | _INPUT_DONE)
