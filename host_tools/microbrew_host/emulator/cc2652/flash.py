"""The flash, the ROM's functions that erase and program it, and the cache before it.

The ROM is ours: stubs that hand their arguments to a gate, at addresses that its tables name. A call does what the
real one does and takes as long. It demands what the real one demands: no interrupts, the cache off, its source not in
the flash, no more writes to a row than it bears.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from unicorn.arm_const import UC_ARM_REG_PRIMASK

from microbrew_host.emulator.cc2652.block import ImageFault, RegisterBlock
from microbrew_host.emulator.peripheral import Peripheral

if TYPE_CHECKING:
    from microbrew_host.emulator.cortexm import CortexM

SIZE = 352 * 1024
PAGE = 8192
_ROW = 256
_WRITES_PER_ROW = 83

_ROM = 0x10000000
_ROM_SIZE = 0x8000
_API_TABLE = 0x10000180
_FLASH_TABLE = 0x10001000
_STUBS = 0x10002000
_GATE = 0x10008000
_ERASE, _PROGRAM = 5, 6
# Thumb: r3 = gate; store r0, r1, r2 there; r0 = the gate's answer; return. The literal follows.
_STUB = struct.pack("<6H", 0x4B02, 0x6018, 0x6059, 0x609A, 0x68D8, 0x4770)

_ERASE_SECONDS = 8e-3
_PROGRAM_SECONDS_PER_WORD = 8e-6
_FAILED = 4


class PowerCut(Exception):
    """Power failed in the middle of a flash operation, as ``Flash.cut`` asked for."""


class Vims(RegisterBlock):
    """Cache control. Its mode changes at once."""

    def __init__(self) -> None:
        super().__init__(0x40034000, initial={4: 0x1})

    def read(self, offset: int) -> int:
        return self.words[4] & 0x3 if offset == 0 else super().read(offset)

    def cached(self) -> bool:
        """Whether a read of the flash may be answered from before."""
        return self.words[4] & 0x3 == 1 or self.words[4] & 0x30 != 0x30


class Flash(Peripheral):
    """The controller. ``bytes``: what the flash holds; ``file``, if there is one, holds it too at the end of each
    operation, so that killing the process is a power cut.

    ``cut``: power fails in the middle of the operation that brings it to 0 (PowerCut). ``worn``: pages whose erase
    fails. ``operations`` counts.
    """

    def __init__(self, core: CortexM, vims: Vims, file: Path | None = None) -> None:
        super().__init__(0x40030000, 0x3000)
        self._vims = vims
        self._file = file
        self.bytes = bytearray(b"\xff" * SIZE)
        if file is not None and file.exists():
            held = file.read_bytes()
            if len(held) != SIZE:
                raise ValueError(f"{file} has {len(held)} bytes and is no flash of this chip")
            self.bytes[:] = held
        elif file is not None:
            file.write_bytes(self.bytes)
        self.operations = 0
        self.cut = 0
        self.worn: set[int] = set()
        self._writes: dict[int, int] = {}
        self._words: dict[int, int] = {}
        core.add_memory(0, SIZE, writable=False)
        core.uc.mem_write(0, bytes(self.bytes))
        self._build_rom(core)

    def _build_rom(self, core: CortexM) -> None:
        core.add_memory(_ROM, _ROM_SIZE, writable=False)
        core.uc.mem_write(_API_TABLE + 4 * 10, struct.pack("<I", _FLASH_TABLE))
        for number in (_ERASE, _PROGRAM):
            stub = _STUBS + 0x40 * number
            core.uc.mem_write(stub, _STUB + struct.pack("<I", _GATE + 0x20 * number))
            core.uc.mem_write(_FLASH_TABLE + 4 * number, struct.pack("<I", stub | 1))
        core.add(_Gate(self))

    def load(self, address: int, data: bytes) -> None:
        """What a programmer puts there."""
        self.bytes[address : address + len(data)] = data
        self._show(address, len(data))

    def _show(self, address: int, length: int) -> None:
        part = bytes(self.bytes[address : address + length])
        self.core.uc.mem_write(address, part)
        if self._file is not None:
            with self._file.open("r+b") as file:
                file.seek(address)
                file.write(part)

    def reset(self) -> None:
        self._words = {}

    def read(self, offset: int) -> int:
        return self._words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self._words[offset] = value

    def _check(self) -> None:
        if not self.core.uc.reg_read(UC_ARM_REG_PRIMASK) & 1:
            raise ImageFault("the flash was changed with interrupts on")
        if self._vims.cached():
            raise ImageFault("the flash was changed with the cache or its line buffers on")

    def _cuts(self) -> bool:
        self.operations += 1
        if self.cut:
            self.cut -= 1
            return self.cut == 0
        return False

    def erase(self, address: int) -> int:
        """FlashSectorErase."""
        self._check()
        if address % PAGE or address >= SIZE - PAGE:
            raise ImageFault(f"erase at {address:#x}")
        cut = self._cuts()
        self.core.stall(self.core.cycles(_ERASE_SECONDS))
        if address // PAGE in self.worn:
            return _FAILED
        length = PAGE // 2 if cut else PAGE
        self.bytes[address : address + length] = b"\xff" * length
        for row in range(address, address + length, _ROW):
            self._writes.pop(row, None)
        self._show(address, PAGE)
        if cut:
            raise PowerCut
        return 0

    def program(self, source: int, address: int, length: int) -> int:
        """FlashProgram."""
        self._check()
        if source < SIZE:
            raise ImageFault("programmed from the flash itself")
        if not length or address + length > SIZE - PAGE:
            raise ImageFault(f"program at {address:#x}, {length} bytes")
        cut = self._cuts()
        data = self.core.uc.mem_read(source, length)
        if cut:
            data = data[: length // 2]
        for row in range(address & ~(_ROW - 1), address + length, _ROW):
            self._writes[row] = self._writes.get(row, 0) + 1
            if self._writes[row] > _WRITES_PER_ROW:
                raise ImageFault(f"row {row:#x} written more than {_WRITES_PER_ROW} times")
        for i, byte in enumerate(data):
            self.bytes[address + i] &= byte
        self._show(address, length)
        self.core.stall(self.core.cycles(_PROGRAM_SECONDS_PER_WORD * (length + 3) // 4))
        if cut:
            raise PowerCut
        return 0


class _Gate(Peripheral):
    def __init__(self, flash: Flash) -> None:
        super().__init__(_GATE, 0x1000)
        self._flash = flash
        self._arguments: dict[int, int] = {}

    def read(self, offset: int) -> int:
        number = offset // 0x20
        a, b, c = (self._arguments.get(number * 0x20 + 4 * i, 0) for i in range(3))
        try:
            return self._flash.erase(a) if number == _ERASE else self._flash.program(a, b, c)
        except (ImageFault, PowerCut) as failure:
            # Not through Unicorn, which reads a word here: as soon as the processor is out of it.
            self._raise_later(failure)
            return _FAILED

    def _raise_later(self, failure: Exception) -> None:
        def fail() -> None:
            raise failure

        self.core.uc.emu_stop()
        self.core.at(self.core.now, fail)

    def write(self, offset: int, value: int) -> None:
        self._arguments[offset] = value
