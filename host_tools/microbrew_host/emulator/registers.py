"""Registers of a Unicorn processor, without the binding's look at each register's type: all that are asked for here
are of 32 bits, or of 64 the lower 32 of which count.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

from unicorn import UcError
from unicorn.unicorn_py3.unicorn import uclib

_READ, _WRITE = uclib.uc_reg_read, uclib.uc_reg_write
_READ_MANY, _WRITE_MANY = uclib.uc_reg_read_batch, uclib.uc_reg_write_batch


class Registers:
    """By Unicorn's numbers."""

    def __init__(self, uc: Any) -> None:
        self._handle = uc._uch
        self._value = ctypes.c_uint64()
        self._reference = ctypes.byref(self._value)

    def read(self, number: int) -> int:
        """One of them."""
        self._value.value = 0
        status = _READ(self._handle, number, self._reference)
        if status:
            raise UcError(status)
        return self._value.value

    def write(self, number: int, value: int) -> None:
        """Set it."""
        self._value.value = value
        status = _WRITE(self._handle, number, self._reference)
        if status:
            raise UcError(status)


class RegisterGroup:
    """Several that are read or written at once. ``bits``: of each, 32 or 64."""

    def __init__(self, uc: Any, numbers: Sequence[int], bits: int = 32) -> None:
        count = len(numbers)
        kind: Any = ctypes.c_uint64 if bits == 64 else ctypes.c_uint32
        self._handle = uc._uch
        self._count = count
        self._numbers = (ctypes.c_int * count)(*numbers)
        self._values = (kind * count)()
        first = ctypes.addressof(self._values)
        self._pointers = (ctypes.c_void_p * count)(*(first + i * ctypes.sizeof(kind) for i in range(count)))

    def read(self) -> list[int]:
        """Their values."""
        status = _READ_MANY(self._handle, self._numbers, self._pointers, self._count)
        if status:
            raise UcError(status)
        return self._values[:]

    def write(self, values: Sequence[int]) -> None:
        """Set them."""
        self._values[:] = values
        status = _WRITE_MANY(self._handle, self._numbers, self._pointers, self._count)
        if status:
            raise UcError(status)
