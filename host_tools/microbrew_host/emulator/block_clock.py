"""Counts cycles block by block and ends a run in time: in C, or in Python where there is no compiler.

A block (of Unicorn: code without a jump into or out of it, up to some hundred instructions) is counted when it
starts, so that the time which a peripheral sees may be ahead by the rest of the block. What a block costs is computed
once; code in RAM that is replaced by other code of the same address and length keeps its cost.
"""

import ctypes
from typing import Any

from unicorn import UC_HOOK_BLOCK, Uc
from unicorn.arm_const import UC_ARM_REG_BASEPRI, UC_ARM_REG_FAULTMASK, UC_ARM_REG_PRIMASK
from unicorn.unicorn_py3.unicorn import uclib

from microbrew_host.emulator import native
from microbrew_host.emulator.instruction_cost import block_cost
from microbrew_host.emulator.native import add_hook
from microbrew_host.emulator.schedule import NEVER

NOTHING_PENDS = 256
_READ = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint32)


class State(ctypes.Structure):
    """What both versions count in. ``pending`` and ``running`` are priorities, the lower the more urgent."""

    _fields_ = [
        ("cycles", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("pending", ctypes.c_int32),
        ("running", ctypes.c_int32),
        ("event", ctypes.c_uint32),
        ("stopped", ctypes.c_uint32),
        ("busy_until", ctypes.c_uint64),
        ("busy_below", ctypes.c_uint64),
        ("read", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("cost", ctypes.c_void_p),
        ("primask", ctypes.c_int32),
        ("basepri", ctypes.c_int32),
        ("faultmask", ctypes.c_int32),
    ]


class BlockClock:
    """The hook of one processor. ``state`` is read and written by it and by the hook."""

    state: State

    def __init__(self, uc: Uc) -> None:
        self._uc = uc
        library = native.library()
        self.native = library is not None
        if library is not None:
            self._start_native(library)
        else:
            self.state = State()
            self._cache: dict[tuple[int, int], tuple[int, int, bool]] = {}
            uc.hook_add(UC_HOOK_BLOCK, self._block)
        self.state.limit = NEVER
        self.state.pending = NOTHING_PENDS
        self.state.running = NOTHING_PENDS

    def _start_native(self, library: ctypes.CDLL) -> None:
        library.clock_size.restype = ctypes.c_size_t
        self._memory = ctypes.create_string_buffer(library.clock_size())
        state = State.from_buffer(self._memory)
        self._cost = _READ(self._native_cost)
        state.read = ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p).value
        state.stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p).value
        state.cost = ctypes.cast(self._cost, ctypes.c_void_p).value
        state.primask, state.basepri, state.faultmask = UC_ARM_REG_PRIMASK, UC_ARM_REG_BASEPRI, UC_ARM_REG_FAULTMASK
        self.state = state
        add_hook(self._uc, UC_HOOK_BLOCK, library.clock_block, self._memory)

    def _native_cost(self, address: int, size: int) -> int:
        cycles, count, sev = block_cost(bytes(self._uc.mem_read(address, size)))
        return cycles | count << 32 | sev << 63

    def _block(self, uc: Uc, address: int, size: int, _: Any) -> None:
        state = self.state
        if state.cycles < state.busy_until and address < state.busy_below:
            state.cycles = state.busy_until
        if state.cycles >= state.limit or (state.pending < state.running and self._unmasked()):
            state.stopped = 1
            uc.emu_stop()
            return
        cost = self._cache.get((address, size))
        if cost is None:
            cost = self._cache[address, size] = block_cost(bytes(uc.mem_read(address, size)))
        state.cycles += cost[0]
        state.instructions += cost[1]
        if cost[2]:
            state.event = 1

    def _unmasked(self) -> bool:
        pending = self.state.pending
        if self._uc.reg_read(UC_ARM_REG_FAULTMASK) & 1:
            return pending < -1
        if self._uc.reg_read(UC_ARM_REG_PRIMASK) & 1:
            return pending < 0
        basepri = self._uc.reg_read(UC_ARM_REG_BASEPRI) & 0xFF
        return not basepri or pending < basepri
