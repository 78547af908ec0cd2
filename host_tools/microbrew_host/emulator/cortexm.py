"""A Cortex-M4F: Unicorn executes the instructions, this file is what stands around them in ARMv7-M.

Time is virtual and counted in cycles of the processor's clock (instruction_cost.py says what each instruction takes),
so that the same image with the same input does the same at the same cycle. While the processor sleeps, time jumps to
the next scheduled event. Exceptions are taken between blocks of code: an interrupt comes at most one block late.

    core = CortexM(64_000_000, irqs=48)
    core.add_memory(0x20000000, 256 * 1024)
    core.add(MyPeripheral(0x40000000))
    core.power_on()
    core.run(core.cycles(0.5))     # half a second of virtual time

What Unicorn lacks of the M profile is done here: exception entry and return with their stack frames (floating-point
registers are saved at once, never lazily), tail chaining, priorities and masks, faults and their escalation, WFI, WFE
and SEV. Not there: MPU, unprivileged access checks, division and alignment traps of CCR, bit-banding, wait states.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from unicorn import (
    UC_ARCH_ARM,
    UC_ERR_EXCEPTION,
    UC_ERR_FETCH_PROT,
    UC_ERR_FETCH_UNMAPPED,
    UC_ERR_INSN_INVALID,
    UC_ERR_READ_PROT,
    UC_ERR_READ_UNMAPPED,
    UC_ERR_WRITE_PROT,
    UC_ERR_WRITE_UNMAPPED,
    UC_HOOK_INTR,
    UC_HOOK_MEM_INVALID,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
    UC_PROT_ALL,
    Uc,
    UcError,
)
from unicorn.arm_const import (
    UC_ARM_REG_BASEPRI,
    UC_ARM_REG_CONTROL,
    UC_ARM_REG_D0,
    UC_ARM_REG_FAULTMASK,
    UC_ARM_REG_FPSCR,
    UC_ARM_REG_IPSR,
    UC_ARM_REG_LR,
    UC_ARM_REG_MSP,
    UC_ARM_REG_PC,
    UC_ARM_REG_PRIMASK,
    UC_ARM_REG_PSP,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_R12,
    UC_ARM_REG_SP,
    UC_ARM_REG_XPSR,
    UC_CPU_ARM_CORTEX_M4,
)
from unicorn.unicorn_py3.unicorn import MMIO_READ_CFUNC, MMIO_WRITE_CFUNC, uclib

from microbrew_host.emulator.block_clock import NOTHING_PENDS, BlockClock
from microbrew_host.emulator.data_memory import DataMemory
from microbrew_host.emulator.peripheral import BusFault, Peripheral
from microbrew_host.emulator.registers import RegisterGroup, Registers
from microbrew_host.emulator.schedule import NEVER, Action, Event, Schedule
from microbrew_host.emulator.system_control import (
    BFARVALID,
    BUS_FAULT,
    FORCED,
    HARD_FAULT,
    IBUSERR,
    IMPRECISERR,
    INVSTATE,
    NOCP,
    PRECISERR,
    STKERR,
    SVCALL,
    UNALIGNED,
    UNDEFINSTR,
    USAGE_FAULT,
    CycleCounter,
    Nvic,
    SystemControl,
)

__all__ = ["BusFault", "CortexM", "Event", "Lockup", "Peripheral"]

_CPUID_M4 = 0x410FC241
# Nothing is ever executed there, so it ends no run.
_NOWHERE = 0xFFFFFFFE
_ENTRY_CYCLES = 12
_RETURN_CYCLES = 10
_TAIL_CYCLES = 6
_THUMB = 1 << 24
_IT_BITS = 0x0600FC00
_CONTROL_SPSEL = 2
_CONTROL_FPCA = 4
_WFI = b"\x30\xbf"
_WFE = b"\x20\xbf"
# Numbers that Unicorn gives to its interrupt hook (QEMU's EXCP_).
_SWI, _BKPT, _EXCEPTION_EXIT, _NOCP, _INVSTATE, _UNALIGNED = 2, 7, 8, 17, 18, 22
_FRAME = (
    *(UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3, UC_ARM_REG_R12),
    *(UC_ARM_REG_LR, UC_ARM_REG_PC, UC_ARM_REG_XPSR),
)
_D = tuple(UC_ARM_REG_D0 + i for i in range(8))
_FETCH = (UC_ERR_FETCH_UNMAPPED, UC_ERR_FETCH_PROT)
_DATA = (UC_ERR_READ_UNMAPPED, UC_ERR_READ_PROT, UC_ERR_WRITE_UNMAPPED, UC_ERR_WRITE_PROT)


_ACCESS_WRITE_PROT = 22  # UC_MEM_WRITE_PROT
# A loop of so many cycles at most that has read the same so many times is waiting.
_POLL_LOOP = 64
_POLLS = 8


class Lockup(Exception):
    """A fault while no fault handler could run, and nobody resets the chip then."""


class CortexM:
    """The processor with its system control space. ``hz``: its clock. ``irqs``: interrupt lines of the chip."""

    def __init__(self, hz: int, irqs: int, priority_bits: int = 3) -> None:
        self.hz = hz
        # Not typed: the binding declares itself by its version for Python 2.
        self.uc: Any = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
        self._clock = BlockClock(self.uc)
        self.state = self._clock.state
        self._registers = Registers(self.uc)
        self._frame = RegisterGroup(self.uc, _FRAME)
        self._restored = RegisterGroup(self.uc, _FRAME[:6])
        self._floats = RegisterGroup(self.uc, _D, bits=64)
        self._data = DataMemory(self.uc, self.state)
        self.schedule = Schedule()
        self.nvic = Nvic(self, irqs, priority_bits)
        self.scb = SystemControl(self, _CPUID_M4)
        self.peripherals: list[Peripheral] = []
        self._pages: dict[int, list[Peripheral]] = {}
        self._callbacks: list[Any] = []
        # Where code starts after a reset; the vector table is read there.
        self.reset_vector = 0
        self.reset_reason = "power"
        # Called instead of raising Lockup; what it requests (a reset) is done.
        self.on_lockup: Callable[[], None] | None = None
        # Called with (address, size, value) for a write to memory that is mapped read-only: whether it is permitted.
        self.on_protected_write: Callable[[int, int, int], bool] | None = None
        self._reset_requested: str | None = None
        self._sleeping = False
        self._waiting_for_event = False
        self._until = 0
        self._interrupt = -1
        self._bad_address = 0
        self._bus_fault = False
        # Where the code bus sees memory that lies elsewhere: addresses, and how far it is to there.
        self._code_alias: tuple[range, int] = (range(0), 0)
        # The last read of a peripheral, by which a loop that polls is known.
        self._poll: tuple[int, int] = (0, 0)
        self._poll_cycle = self._poll_period = self._polls = 0
        self.uc.hook_add(UC_HOOK_INTR, self._on_interrupt)
        self._ram: list[tuple[int, int]] = []
        self._hooked = False
        self.add(self.scb)
        self.add(CycleCounter())

    # Time

    @property
    def now(self) -> int:
        """Cycles since power came."""
        return int(self.state.cycles)

    @property
    def instructions(self) -> int:
        """Executed so far."""
        return int(self.state.instructions)

    @property
    def sleeping(self) -> bool:
        """Whether it waits for an interrupt or event."""
        return self._sleeping

    def cycles(self, seconds: float) -> int:
        """So many cycles."""
        return round(seconds * self.hz)

    def at(self, time: int, action: Action) -> Event:
        """Have ``action`` called at cycle ``time``, or as soon as possible if that has passed."""
        if time < self.state.limit:
            self.state.limit = time
        return self.schedule.at(time, action)

    def stall(self, cycles: int) -> None:
        """The processor does nothing for so long (a peripheral holds its bus), while time goes on."""
        self.state.cycles += cycles

    def busy_code(self, below: int, until: int) -> None:
        """The memory below this address answers no instruction fetch before cycle ``until``: the processor waits."""
        self.state.busy_below, self.state.busy_until = below, until

    def stop(self) -> None:
        """End ``run`` at the next block of code."""
        self._until = 0
        self.state.limit = 0

    # Building a chip

    def add_memory(self, base: int, size: int, writable: bool = True, pointer: int | None = None) -> None:
        """Map RAM, or flash that ``on_protected_write`` guards; ``pointer``: the host's memory that holds it."""
        if writable:
            self._ram.append((base, base + size))
            self._data.add(base, size)
        permissions = UC_PROT_ALL if writable else UC_PROT_ALL & ~2
        if pointer is None:
            self.uc.mem_map(base, size, permissions)
        else:
            self.uc.mem_map_ptr(base, size, permissions, pointer)

    def alias_code(self, base: int, size: int, memory: int) -> None:
        """Run the code of ``memory`` when ``base`` is jumped to; it goes on at its other address. No data there.

        Mapped twice, the memory would be two to Unicorn, which keeps what it translated of one when the other is
        written.
        """
        self._code_alias = range(base, base + size), memory - base

    def add(self, peripheral: Peripheral) -> None:
        """Put a block at its address. Several may share a page of 4 KiB."""
        peripheral.core = self
        self.peripherals.append(peripheral)
        for page in range(peripheral.base & ~0xFFF, peripheral.base + peripheral.size, 0x1000):
            sharing = self._pages.get(page)
            if sharing is None:
                sharing = self._pages[page] = []
                self._map_page(page, sharing)
            sharing.append(peripheral)
        peripheral.attached()

    def _map_page(self, page: int, blocks: list[Peripheral]) -> None:
        def find(address: int) -> Peripheral | None:
            for block in blocks:
                if 0 <= address - block.base < block.size:
                    return block
            return None

        # Not by the binding's mmio_map, whose two layers around each of these cost as much as they do.
        @MMIO_READ_CFUNC
        def read(_handle: int, offset: int, size: int, _: Any) -> int:
            try:
                return load(offset, size)
            except BaseException as error:
                self._hook_failed(error)
                return 0

        @MMIO_WRITE_CFUNC
        def write(_handle: int, offset: int, size: int, value: int, _: Any) -> None:
            try:
                store(offset, size, value)
            except BaseException as error:
                self._hook_failed(error)

        def load(offset: int, size: int) -> int:
            block = blocks[0] if len(blocks) == 1 else find(page + offset)
            if block is None:
                return 0
            at = page + offset - block.base
            try:
                value = block.read(at & ~3)
            except BusFault:
                self._fail_access(page + offset)
                return 0
            self._polled(page + offset, value)
            if size == 4:
                return value & 0xFFFFFFFF
            return value >> (at & 3) * 8 & (1 << size * 8) - 1

        def store(offset: int, size: int, value: int) -> None:
            block = blocks[0] if len(blocks) == 1 else find(page + offset)
            if block is None:
                return
            at = page + offset - block.base
            self._polls = 0
            try:
                if size == 4:
                    block.write(at, value & 0xFFFFFFFF)
                else:
                    block.write_part(at, value & (1 << size * 8) - 1, size)
            except BusFault:
                self._fail_access(page + offset)

        status = uclib.uc_mmio_map(self.uc._uch, page, 0x1000, read, 0, write, 0)
        if status:
            raise UcError(status)
        # Unicorn keeps pointers to them.
        self._callbacks += read, write

    def _hook_failed(self, error: BaseException) -> None:
        if self.uc._hook_exception is None:
            self.uc._hook_exception = error
        self.uc.emu_stop()

    def _polled(self, address: int, value: int) -> None:
        """Time passes over a loop that reads one register until it changes, in whole turns of the loop."""
        cycle = self.state.cycles
        period = cycle - self._poll_cycle
        same = self._poll == (address, value) and period == self._poll_period
        self._poll, self._poll_cycle, self._poll_period = (address, value), cycle, period
        if not same or not 0 < period <= _POLL_LOOP:
            self._polls = 0
            return
        self._polls += 1
        if self._polls < _POLLS:
            return
        ahead = self.schedule.next_time() - cycle
        # Not further: a loop that gives up after so many turns must be able to.
        if ahead <= self.hz // 500 and self.state.limit > cycle:
            turns = (min(ahead, self.state.limit - cycle) - 1) // period
            if turns > 0:
                self.state.cycles += turns * period
                self._poll_cycle = self.state.cycles

    def _hook_invalid(self) -> None:
        # Everywhere but in RAM, where no access is invalid: memory with a hook is slow to write.
        if self._hooked:
            return
        self._hooked = True
        begin = 0
        for base, end in [*sorted(self._ram), (1 << 32, 0)]:
            if base > begin:
                self.uc.hook_add(UC_HOOK_MEM_INVALID, self._on_invalid, None, begin, base - 1)
            begin = end

    def _fail_access(self, address: int) -> None:
        self._bad_address = address
        self._bus_fault = True
        self.uc.emu_stop()

    # Reset

    def power_on(self) -> None:
        """Start from the vector table, with everything as after power came."""
        self._hook_invalid()
        self._reset("power")

    def request_reset(self, reason: str) -> None:
        """Reset at the end of this block of code; peripherals find ``reason`` in ``reset_reason``."""
        self._reset_requested = reason
        self.state.limit = 0
        self.uc.emu_stop()

    def _reset(self, reason: str) -> None:
        self.reset_reason = reason
        self._reset_requested = None
        self._sleeping = self._waiting_for_event = self._bus_fault = False
        self.state.event = 0
        self.schedule.clear()
        self.nvic.reset()
        for block in self.peripherals:
            block.reset()
        uc = self.uc
        self._registers.write(UC_ARM_REG_IPSR, 0)
        for register in (UC_ARM_REG_CONTROL, UC_ARM_REG_PRIMASK, UC_ARM_REG_BASEPRI, UC_ARM_REG_FAULTMASK):
            self._registers.write(register, 0)
        for register in range(UC_ARM_REG_R0, UC_ARM_REG_R12 + 1):
            self._registers.write(register, 0)
        stack, start = struct.unpack("<II", uc.mem_read(self.reset_vector, 8))
        self._registers.write(UC_ARM_REG_XPSR, _THUMB)
        self._registers.write(UC_ARM_REG_MSP, stack & ~3)
        self._registers.write(UC_ARM_REG_LR, 0xFFFFFFFF)
        self._registers.write(UC_ARM_REG_PC, start | 1)
        self.scb.vtor = self.reset_vector

    # Running

    def run(self, until: int, nap: int = NEVER) -> None:
        """Go on to cycle ``until``, a few cycles more, or until ``stop``; or until it is asleep for more than ``nap``
        cycles. Raises Lockup, and what peripherals raise."""
        state = self.state
        self._until = until
        while state.cycles < self._until:
            self.schedule.run(state.cycles)
            if self._reset_requested is not None:
                self._reset(self._reset_requested)
            if self._sleeping and not self._wakes():
                next_time = self.schedule.next_time()
                if next_time - state.cycles > nap:
                    return
                state.cycles = max(state.cycles, min(self._until, next_time))
                continue
            self._sleeping = False
            if state.pending < state.running and self._unmasked():
                self._enter(self.nvic.next, tail=False)
            limit = min(self._until, self.schedule.next_time())
            if limit > state.cycles:
                state.limit = limit
                self._execute()

    def _execute(self) -> None:
        uc = self.uc
        self._interrupt = -1
        self.state.stopped = 0
        if self._data.state.changed:
            self._data.renew()
        error = 0
        try:
            uc.emu_start(self._registers.read(UC_ARM_REG_PC) | 1, _NOWHERE)
        except UcError as failure:
            # The binding forgets what a hook raised if the run ended by an error.
            if uc._hook_exception is not None:
                raise uc._hook_exception from None
            error = failure.errno
        if self._bus_fault:
            self._bus_fault = False
            self.scb.bfar = self._bad_address
            self._fault(BUS_FAULT, IMPRECISERR)
            return
        if error == 0:
            if self._interrupt >= 0:
                self._handle(self._interrupt)
            elif not self.state.stopped and self._behind() == _WFI:
                self._sleeping = True
                self._waiting_for_event = False
            return
        pc = self._registers.read(UC_ARM_REG_PC)
        if pc >= 0xFFFFFF00 and (error in _FETCH or self._interrupt == _EXCEPTION_EXIT):
            self._return(pc | 1)
        elif error == UC_ERR_INSN_INVALID and self._behind() == _WFE:
            if self.state.event:
                self.state.event = 0
            else:
                self._sleeping = self._waiting_for_event = True
        elif error in _FETCH and pc in self._code_alias[0]:
            self._registers.write(UC_ARM_REG_PC, pc + self._code_alias[1] | 1)
        elif error in _FETCH:
            self._fault(BUS_FAULT, IBUSERR)
        elif error in _DATA:
            self.scb.bfar = self._bad_address
            self._fault(BUS_FAULT, PRECISERR | BFARVALID)
        elif error in (UC_ERR_INSN_INVALID, UC_ERR_EXCEPTION):
            self._fault(USAGE_FAULT, UNDEFINSTR)
        else:
            raise UcError(error)

    def _behind(self) -> bytes:
        return bytes(self.uc.mem_read(self._registers.read(UC_ARM_REG_PC) - 2, 2))

    def _handle(self, interrupt: int) -> None:
        if interrupt == _EXCEPTION_EXIT:
            self._return(self._registers.read(UC_ARM_REG_PC) | 1)
        elif interrupt == _SWI:
            self._synchronous(SVCALL)
        elif interrupt == _BKPT:
            # Nobody debugs, so a breakpoint is a fault.
            self._escalate(1 << 31)
        else:
            status = {_NOCP: NOCP, _INVSTATE: INVSTATE, _UNALIGNED: UNALIGNED}.get(interrupt, UNDEFINSTR)
            self._fault(USAGE_FAULT, status)

    def _on_interrupt(self, uc: Uc, number: int, _: Any) -> None:
        self._interrupt = number
        uc.emu_stop()

    def _on_invalid(self, _uc: Uc, access: int, address: int, size: int, value: int, _: Any) -> bool:
        self._bad_address = address
        if access == _ACCESS_WRITE_PROT and self.on_protected_write is not None:
            return self.on_protected_write(address, size, value & (1 << size * 8) - 1)
        return False

    # Exceptions

    def current_exception(self) -> int:
        """Number of what runs, 0 in thread mode."""
        return self._registers.read(UC_ARM_REG_IPSR)

    def interrupt_arrived(self, enabled: bool) -> None:
        """From the NVIC: something pends that did not before."""
        if self.scb.scr & 0x10 or enabled:
            # SEVONPEND makes an event of a disabled interrupt too; an enabled one wakes WFE in any case.
            self.state.event = 1

    def _boost(self) -> int:
        if self._registers.read(UC_ARM_REG_FAULTMASK) & 1:
            return -1
        if self._registers.read(UC_ARM_REG_PRIMASK) & 1:
            return 0
        return int(self._registers.read(UC_ARM_REG_BASEPRI) & 0xFF) or NOTHING_PENDS

    def _unmasked(self) -> bool:
        return bool(self.state.pending < self._boost())

    def _wakes(self) -> bool:
        state = self.state
        if self._waiting_for_event and state.event:
            state.event = 0
            return True
        if state.pending >= state.running:
            return False
        # PRIMASK keeps an interrupt from being taken, not from waking.
        basepri = self._registers.read(UC_ARM_REG_BASEPRI) & 0xFF
        return not basepri or state.pending < basepri

    def _enter(self, number: int, tail: bool) -> None:
        control = self._registers.read(UC_ARM_REG_CONTROL)
        handler = bool(self.nvic.active)
        with_floats = bool(control & _CONTROL_FPCA) and self.scb.float_frames
        link = 0xFFFFFFE1 if with_floats else 0xFFFFFFF1
        if not handler:
            link |= 0xC if control & _CONTROL_SPSEL else 0x8
        if not self._push(with_floats):
            self.scb.cfsr |= STKERR
            if number != HARD_FAULT:
                self.scb.hfsr |= FORCED
                number = HARD_FAULT
        self._start_handler(number, link, control)
        self.state.cycles += _TAIL_CYCLES if tail else _ENTRY_CYCLES

    def _start_handler(self, number: int, link: int, control: int) -> None:
        uc = self.uc
        self.nvic.enter(number)
        xpsr = self._registers.read(UC_ARM_REG_XPSR) & ~_IT_BITS & ~0x1FF | _THUMB | number
        self._registers.write(UC_ARM_REG_XPSR, xpsr)
        self._registers.write(UC_ARM_REG_CONTROL, control & 1)
        self._registers.write(UC_ARM_REG_LR, link)
        state = self.state
        if self.scb.vtor < state.busy_below and state.cycles < state.busy_until:
            state.cycles = state.busy_until
        vector = struct.unpack("<I", uc.mem_read(self.scb.vtor + 4 * number, 4))[0]
        self._registers.write(UC_ARM_REG_PC, vector | 1)

    def _push(self, with_floats: bool) -> bool:
        uc = self.uc
        registers = self._frame.read()
        stack = self._registers.read(UC_ARM_REG_SP)
        frame = stack - (0x68 if with_floats else 0x20)
        if self.scb.ccr & 0x200 and frame & 4:
            frame -= 4
            registers[7] |= 1 << 9
        else:
            registers[7] &= ~(1 << 9)
        registers[6] &= ~1
        data = struct.pack("<8I", *registers)
        if with_floats:
            data += struct.pack("<8QII", *self._floats.read(), self._registers.read(UC_ARM_REG_FPSCR), 0)
        self._registers.write(UC_ARM_REG_SP, frame & 0xFFFFFFFF)
        try:
            uc.mem_write(frame & 0xFFFFFFFF, data)
        except UcError:
            return False
        return True

    def _return(self, link: int) -> None:
        """``link`` is EXC_RETURN."""
        uc = self.uc
        self.nvic.leave(self.current_exception())
        if self.current_exception() != 2:
            self._registers.write(UC_ARM_REG_FAULTMASK, 0)
        to_handler = not link & 8
        if self.state.pending < self.state.running and self._unmasked():
            # Tail chaining: the frame stays where it is.
            self._registers.write(UC_ARM_REG_LR, link)
            self._start_handler(self.nvic.next, link, self._registers.read(UC_ARM_REG_CONTROL))
            self.state.cycles += _TAIL_CYCLES
            return
        with_floats = not link & 0x10
        on_process_stack = bool(link & 4) and not to_handler
        frame = self._registers.read(UC_ARM_REG_PSP if on_process_stack else UC_ARM_REG_MSP)
        try:
            data = bytes(uc.mem_read(frame, 0x68 if with_floats else 0x20))
        except UcError:
            self._fault(BUS_FAULT, 1 << 11)
            return
        registers = list(struct.unpack("<8I", data[:0x20]))
        xpsr = registers[7]
        stack = frame + len(data) + (4 if xpsr & 1 << 9 else 0)
        self._registers.write(UC_ARM_REG_PSP if on_process_stack else UC_ARM_REG_MSP, stack)
        control = self._registers.read(UC_ARM_REG_CONTROL) & 1
        number = xpsr & 0x1FF if to_handler else 0
        self._registers.write(UC_ARM_REG_XPSR, xpsr & 0xFF0FFC00 & ~(1 << 9) | _THUMB | number)
        control |= _CONTROL_SPSEL if on_process_stack else 0
        control |= _CONTROL_FPCA if with_floats else 0
        self._registers.write(UC_ARM_REG_CONTROL, control)
        if with_floats:
            values = struct.unpack("<8QII", data[0x20:])
            self._floats.write(values[:8])
            self._registers.write(UC_ARM_REG_FPSCR, values[8])
        self._restored.write(registers[:6])
        self._registers.write(UC_ARM_REG_PC, registers[6] | 1)
        self.state.event = 1
        self.state.cycles += _RETURN_CYCLES
        if not to_handler and self.scb.scr & 2:
            self._sleeping = True
            self._waiting_for_event = False

    def _synchronous(self, number: int) -> None:
        if self.nvic.enabled(number) and self.nvic.group_priority(number) < min(self.state.running, self._boost()):
            self._enter(number, tail=False)
        else:
            self._escalate(FORCED)

    def _fault(self, number: int, status: int) -> None:
        self.scb.cfsr |= status
        self._synchronous(number)

    def _escalate(self, status: int) -> None:
        self.scb.hfsr |= status
        if min(self.state.running, self._boost()) <= -1:
            if self.on_lockup is None:
                raise Lockup(f"fault in a fault handler at {self._registers.read(UC_ARM_REG_PC):#x}")
            self.on_lockup()
            return
        self._enter(HARD_FAULT, tail=False)
