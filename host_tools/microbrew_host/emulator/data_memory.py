"""RAM as memory for data, which Unicorn writes several times as fast as memory that may hold code.

Code in RAM works all the same: a page is one of code from the first fetch on. In C only; without it every page may hold
code.
"""

import ctypes
from typing import Any

from unicorn import UC_CTL_IO_WRITE, UC_CTL_TLB_FLUSH, UC_HOOK_TLB_FILL, UC_TLB_VIRTUAL
from unicorn.arm_const import UC_ARM_REG_XPSR
from unicorn.unicorn_py3.unicorn import uclib

from microbrew_host.emulator import block_clock, native

_MOST_RANGES = 4
_LARGEST = 1 << 20


class _Range(ctypes.Structure):
    _fields_ = [("base", ctypes.c_uint32), ("size", ctypes.c_uint32)]


class State(ctypes.Structure):
    """What both sides share. ``changed``: the TLB has to be flushed before code runs on."""

    _fields_ = [
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("limit", ctypes.c_void_p),
        ("xpsr", ctypes.c_int32),
        ("ranges", ctypes.c_uint32),
        ("changed", ctypes.c_uint32),
        ("range", _Range * _MOST_RANGES),
    ]


class DataMemory:
    """The hook of one processor, whose clock is ``clock``."""

    def __init__(self, uc: Any, clock: block_clock.State) -> None:
        self._uc = uc
        self.state = State()
        library = native.library()
        self._native = library is not None
        if library is not None:
            self._start(library, clock)

    def _start(self, library: ctypes.CDLL, clock: block_clock.State) -> None:
        library.memory_size.restype = ctypes.c_size_t
        self._memory = ctypes.create_string_buffer(library.memory_size())
        state = self.state = State.from_buffer(self._memory)
        state.read = ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p).value
        state.write = ctypes.cast(uclib.uc_reg_write, ctypes.c_void_p).value
        state.limit = ctypes.addressof(clock) + block_clock.State.limit.offset
        state.xpsr = UC_ARM_REG_XPSR
        self._uc.ctl_set_tlb_mode(UC_TLB_VIRTUAL)
        native.add_hook(self._uc, UC_HOOK_TLB_FILL, library.memory_page, self._memory)

    def add(self, base: int, size: int) -> None:
        """There is RAM."""
        state = self.state
        if self._native and state.ranges < _MOST_RANGES and size <= _LARGEST:
            state.range[state.ranges] = _Range(base, size)
            state.ranges += 1

    def renew(self) -> None:
        """Between two runs: have the processor see each page as it is now."""
        self.state.changed = 0
        self._uc.ctl(UC_CTL_TLB_FLUSH, UC_CTL_IO_WRITE)
