"""The flash array: NOR cells that programming clears and erasing sets, protection, power that fails at a given moment.

The contents are in host memory that the processor reads directly, or in a file that is mapped: killing the emulator at
any moment is a power cut. A cell that was being changed when power failed is left half done.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import random
from pathlib import Path

PAGE = 4096
SIZE = 1024 * 1024
# Writes to a word between erases that the specification allows.
WRITES_PER_WORD = 2


class PowerCut(Exception):
    """Power failed at the operation that was asked for."""


class Flash:
    """``path``: file of SIZE bytes that keeps the contents, made if it is not there. ``cut``: number of the word write
    or erase step, counted from 1, at which power fails. Raises OSError, and ValueError for a file of another size.
    """

    def __init__(self, path: Path | None = None, cut: int | None = None) -> None:
        self._file = None
        if path is None:
            self._map = mmap.mmap(-1, SIZE)
            self._map[:] = b"\xff" * SIZE
        else:
            if not path.exists():
                path.write_bytes(b"\xff" * SIZE)
            if path.stat().st_size != SIZE:
                raise ValueError(f"{path} is not a flash of {SIZE} bytes")
            self._file = path.open("r+b")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                raise ValueError(f"{path} is the flash of a board that runs") from None
            self._map = mmap.mmap(self._file.fileno(), SIZE)
        self._bytes = (ctypes.c_char * SIZE).from_buffer(self._map)
        self.pointer = ctypes.addressof(self._bytes)
        self._cut = cut
        self.operations = 0
        self._writes: dict[int, int] = {}
        # What pages had on them whose erase has begun and not ended.
        self._erasing: dict[int, bytes] = {}
        # Most often that one word has been written since its page was erased; more than WRITES_PER_WORD is misuse.
        self.most_writes = 0

    def close(self) -> None:
        """Let go of the file. The processor must not run any more."""
        del self._bytes
        self._map.close()
        if self._file is not None:
            self._file.close()

    def _operation(self) -> bool:
        self.operations += 1
        return self.operations == self._cut

    def read(self, address: int, length: int) -> bytes:
        """Contents."""
        return bytes(self._map[address : address + length])

    def load(self, address: int, data: bytes) -> None:
        """Put contents there as a debugger's programming does, without time or wear."""
        self._map[address : address + len(data)] = data

    def program(self, address: int, value: int) -> None:
        """Clear the bits of a word that are 0 in ``value``. Raises PowerCut."""
        old = int.from_bytes(self._map[address : address + 4], "little")
        torn = self._operation()
        if torn:
            # Some of the bits have made it.
            value |= random.Random(self.operations).getrandbits(32)  # noqa: S311 - repeatable, not secret
        self._map[address : address + 4] = (old & value).to_bytes(4, "little")
        count = self._writes[address] = self._writes.get(address, 0) + 1
        self.most_writes = max(self.most_writes, count)
        if torn:
            raise PowerCut

    def erase(self, address: int, share: float = 1.0) -> None:
        """Erase the page at ``address``; by a ``share`` below 1, its cells are somewhere between. Raises PowerCut."""
        page = address & ~(PAGE - 1)
        torn = self._operation()
        if share < 1 or torn:
            chance = random.Random(self.operations << 20 | page)  # noqa: S311 - repeatable, not secret
            noise = chance.randbytes(PAGE)
            old = self._erasing.setdefault(page, self._map[page : page + PAGE])
            mixed = int.from_bytes(old, "little") | int.from_bytes(noise, "little")
            self._map[page : page + PAGE] = mixed.to_bytes(PAGE, "little")
        else:
            self._erasing.pop(page, None)
            self._map[page : page + PAGE] = b"\xff" * PAGE
            for word in range(page, page + PAGE, 4):
                self._writes.pop(word, None)
        if torn:
            raise PowerCut
