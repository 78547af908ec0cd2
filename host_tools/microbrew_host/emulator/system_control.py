"""The System Control Space of ARMv7-M (Architecture Reference Manual, chapter B3): NVIC, SysTick, SCB; and the cycle
counter of the DWT.

Which exception waits, which run and at what priority is kept here; the processor asks. Not modelled: MPU (reads as
absent), debug registers beyond DEMCR.TRCENA, the traps of CCR (their bits are kept, nothing faults by them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from microbrew_host.emulator.block_clock import NOTHING_PENDS
from microbrew_host.emulator.peripheral import Peripheral
from microbrew_host.emulator.schedule import Event

if TYPE_CHECKING:
    from microbrew_host.emulator.cortexm import CortexM

NMI, HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT, SVCALL, PENDSV, SYSTICK = 2, 3, 4, 5, 6, 11, 14, 15
FIRST_IRQ = 16

# Configurable fault status (CFSR).
IBUSERR, PRECISERR, IMPRECISERR, STKERR, BFARVALID = 1 << 8, 1 << 9, 1 << 10, 1 << 12, 1 << 15
UNDEFINSTR, INVSTATE, INVPC, NOCP, UNALIGNED = 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 24
# HardFault status (HFSR).
VECTTBL, FORCED, DEBUGEVT = 1 << 1, 1 << 30, 1 << 31

_KEY = 0x05FA
_SHCSR_ENABLE = {MEM_MANAGE: 16, BUS_FAULT: 17, USAGE_FAULT: 18}
_SHCSR_ACTIVE = {MEM_MANAGE: 0, BUS_FAULT: 1, USAGE_FAULT: 3, SVCALL: 7, PENDSV: 10, SYSTICK: 11}
_SHCSR_PENDED = {USAGE_FAULT: 12, MEM_MANAGE: 13, BUS_FAULT: 14, SVCALL: 15}
_ALWAYS_ENABLED = sum(1 << n for n in (NMI, HARD_FAULT, SVCALL, 12, PENDSV, SYSTICK))


def _bits(mask: int) -> list[int]:
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


class Nvic:
    """Exceptions that wait and run, by exception number (an interrupt's is 16 + its IRQ)."""

    def __init__(self, core: CortexM, irqs: int, priority_bits: int) -> None:
        self._core = core
        self._irqs = irqs
        self._priority_mask = 0xFF << (8 - priority_bits) & 0xFF
        self.reset()

    def reset(self) -> None:
        """Nothing pends, nothing runs, all priorities 0. Lines that are up come down: their blocks are reset too."""
        self._enabled = _ALWAYS_ENABLED
        self._pending = 0
        self._level = 0
        self.active: list[int] = []
        self._priority = [0] * (FIRST_IRQ + self._irqs)
        self._priority[NMI] = -2
        self._priority[HARD_FAULT] = -1
        self._group_mask = 0xFF
        # Number of the exception that would be taken next, 0 if none waits.
        self.next = 0
        self._update()

    # For peripherals

    def pend(self, irq: int) -> None:
        """An edge: the interrupt waits until taken."""
        self.pend_exception(FIRST_IRQ + irq)

    def set_level(self, irq: int, up: bool) -> None:
        """A line that asks again after each service for as long as it is up."""
        bit = 1 << FIRST_IRQ + irq
        if up:
            if not self._level & bit:
                self._level |= bit
                self.pend_exception(FIRST_IRQ + irq)
        else:
            self._level &= ~bit

    # For the processor

    def pend_exception(self, number: int) -> None:
        """Make an exception wait."""
        if not self._pending >> number & 1:
            self._pending |= 1 << number
            self._update()
            self._core.interrupt_arrived(bool(self._enabled >> number & 1))

    def clear_pending(self, number: int) -> None:
        """Make it wait no longer."""
        self._pending &= ~(1 << number)
        self._update()

    def pends(self, number: int) -> bool:
        """Whether it waits."""
        return bool(self._pending >> number & 1)

    def enabled(self, number: int) -> bool:
        """Whether it may be taken."""
        return bool(self._enabled >> number & 1)

    def set_enabled(self, number: int, enabled: bool) -> None:
        """Allow it or not."""
        self._enabled = self._enabled | 1 << number if enabled else self._enabled & ~(1 << number)
        self._update()

    def group_priority(self, number: int) -> int:
        """What counts for preemption."""
        value = self._priority[number]
        return value if value < 0 else value & self._group_mask

    def running_priority(self) -> int:
        """Of what runs, without BASEPRI and the masks; NOTHING_PENDS in thread mode."""
        return min((self.group_priority(n) for n in self.active), default=NOTHING_PENDS)

    def enter(self, number: int) -> None:
        """It has been taken."""
        self.active.append(number)
        self._pending &= ~(1 << number)
        self._update()

    def leave(self, number: int) -> None:
        """It has returned."""
        if number in self.active:
            self.active.remove(number)
        if self._level >> number & 1:
            self._pending |= 1 << number
        self._update()

    def _update(self) -> None:
        waiting = self._pending & self._enabled
        best, number = NOTHING_PENDS, 0
        raw = NOTHING_PENDS
        if waiting:
            for n in _bits(waiting):
                if self._priority[n] < raw:
                    raw, number = self._priority[n], n
            best = self.group_priority(number)
        self.next = number
        state = self._core.state
        state.pending = best
        state.running = self.running_priority()

    # Registers

    def read(self, offset: int) -> int:
        """The word at 0xE000E000 + ``offset``, 0x100 to 0x4FF."""
        kind, index = offset & 0x780, (offset & 0x7F) // 4
        shift = FIRST_IRQ + 32 * index
        if kind in (0x100, 0x180):
            return self._enabled >> shift & 0xFFFFFFFF if 32 * index < self._irqs else 0
        if kind in (0x200, 0x280):
            return self._pending >> shift & 0xFFFFFFFF
        if kind == 0x300:
            return sum(1 << n - shift for n in self.active if shift <= n < shift + 32)
        first = FIRST_IRQ + offset - 0x400
        return sum(self._priority[n] << 8 * (n - first) for n in range(first, min(first + 4, len(self._priority))))

    def write(self, offset: int, value: int) -> None:
        """Write that word."""
        kind, index = offset & 0x780, (offset & 0x7F) // 4
        valid = ((1 << self._irqs) - 1) << FIRST_IRQ
        bits = value << FIRST_IRQ + 32 * index & valid
        if kind == 0x100:
            self._enabled |= bits
        elif kind == 0x180:
            self._enabled &= ~bits
        elif kind == 0x200:
            for number in _bits(bits):
                self.pend_exception(number)
            return
        elif kind == 0x280:
            # A line that is up pends at once again.
            self._pending &= ~bits | self._level
        elif kind >= 0x400:
            self.write_priorities(FIRST_IRQ + offset - 0x400, value)
            return
        self._update()

    def read_priorities(self, first: int) -> int:
        """Priorities of four exceptions as a word."""
        return sum((self._priority[first + i] & 0xFF) << 8 * i for i in range(4))

    def write_priorities(self, first: int, value: int) -> None:
        """Set them."""
        for i in range(4):
            if HARD_FAULT < first + i < len(self._priority):
                self._priority[first + i] = value >> 8 * i & self._priority_mask
        self._update()

    def set_grouping(self, prigroup: int) -> None:
        """AIRCR.PRIGROUP."""
        self._group_mask = 0xFF << prigroup + 1 & 0xFF
        self._update()

    def any_irq_pends(self) -> bool:
        """ICSR.ISRPENDING."""
        return bool(self._pending >> FIRST_IRQ)


class SysTick:
    """The 24-bit timer of the processor's clock. It goes on while the processor sleeps."""

    def __init__(self, core: CortexM, reference_hz: int = 0) -> None:
        self._core = core
        self._reference = reference_hz
        self.reset()

    def reset(self) -> None:
        """Off."""
        self._control = 0
        self._reload = 0
        self._stopped_at = 0
        self._zero: int = 0  # cycle at which it is zero next
        self._flag = False
        self._event: Event | None = None

    def _tick(self) -> int:
        # Cycles of one count; the other clock than the processor's is its eighth, as on most chips.
        return 1 if self._control & 4 else 8

    def _value(self) -> int:
        if not self._control & 1:
            return self._stopped_at
        return -((self._core.now - self._zero) // self._tick()) & 0xFFFFFF if self._zero > self._core.now else 0

    def _run_from(self, value: int) -> None:
        if self._event:
            self._event.cancel()
            self._event = None
        self._zero = self._core.now + (value or self._reload + 1) * self._tick()
        if self._reload or value:
            self._event = self._core.at(self._zero, self._wrap)

    def _wrap(self) -> None:
        self._flag = True
        if self._control & 2:
            self._core.nvic.pend_exception(SYSTICK)
        self._event = None
        if self._reload:
            self._zero += (self._reload + 1) * self._tick()
            self._event = self._core.at(self._zero, self._wrap)

    def read(self, offset: int) -> int:
        """CSR, RVR, CVR, CALIB at 0x10 to 0x1C."""
        if offset == 0x10:
            flag, self._flag = self._flag, False
            return self._control | flag << 16
        if offset == 0x14:
            return self._reload
        if offset == 0x18:
            return self._value()
        return 0xC0000000  # no reference, no calibration

    def write(self, offset: int, value: int) -> None:
        """Write them."""
        if offset == 0x10:
            at = self._value()
            was, self._control = self._control, value & 7
            if value & 1 and not was & 1:
                self._run_from(at)
            elif was & 1 and not value & 1:
                self._stopped_at = at
                if self._event:
                    self._event.cancel()
                    self._event = None
        elif offset == 0x14:
            self._reload = value & 0xFFFFFF
        elif offset == 0x18:
            self._flag = False
            self._stopped_at = 0
            if self._control & 1:
                self._run_from(0)


class SystemControl(Peripheral):
    """0xE000E000: dispatches to NVIC and SysTick, and is the SCB."""

    def __init__(self, core: CortexM, cpuid: int) -> None:
        super().__init__(0xE000E000)
        self._cpu = core
        self._cpuid = cpuid
        self.vtor = 0
        self.systick = SysTick(core)
        self.reset()

    def reset(self) -> None:
        """Take the values after reset."""
        self.vtor = 0
        self.cfsr = self.hfsr = self.mmfar = self.bfar = 0
        self.scr = 0
        self.ccr = 0x200
        self._cpacr = 0
        self._grouping = 0
        self._demcr = 0
        self._fpccr = 0xC0000000
        self._fpcar = self._fpdscr = 0
        self.systick.reset()

    @property
    def float_frames(self) -> bool:
        """FPCCR.ASPEN: exceptions save the floating-point registers that are in use."""
        return bool(self._fpccr >> 31)

    def read(self, offset: int) -> int:
        nvic = self._cpu.nvic
        if 0x100 <= offset < 0x500:
            return nvic.read(offset)
        if 0x10 <= offset < 0x20:
            return self.systick.read(offset)
        match offset:
            case 0x004:
                return (nvic._irqs - 1) // 32
            case 0xD00:
                return self._cpuid
            case 0xD04:
                active = self._cpu.current_exception()
                value = active | nvic.next << 12 | nvic.any_irq_pends() << 22
                value |= (len(nvic.active) <= 1) << 11
                return value | nvic.pends(SYSTICK) << 26 | nvic.pends(PENDSV) << 28 | nvic.pends(NMI) << 31
            case 0xD08:
                return self.vtor
            case 0xD0C:
                return 0xFA050000 | self._grouping << 8
            case 0xD10:
                return self.scr
            case 0xD14:
                return self.ccr
            case 0xD18 | 0xD1C | 0xD20:
                return nvic.read_priorities(offset - 0xD14)
            case 0xD24:
                value = sum(nvic.enabled(n) << bit for n, bit in _SHCSR_ENABLE.items())
                value |= sum((n in nvic.active) << bit for n, bit in _SHCSR_ACTIVE.items())
                return value | sum(nvic.pends(n) << bit for n, bit in _SHCSR_PENDED.items())
            case 0xD28:
                return self.cfsr
            case 0xD2C:
                return self.hfsr
            case 0xD34:
                return self.mmfar
            case 0xD38:
                return self.bfar
            case 0xD88:
                return self._cpacr
            case 0xDFC:
                return self._demcr
            case 0xF34:
                return self._fpccr
            case 0xF38:
                return self._fpcar
            case 0xF3C:
                return self._fpdscr
            case 0xF40:
                return 0x10110021  # MVFR0, MVFR1: single precision
            case 0xF44:
                return 0x11000011
        return 0

    def write(self, offset: int, value: int) -> None:
        nvic = self._cpu.nvic
        if 0x100 <= offset < 0x500:
            nvic.write(offset, value)
        elif 0x10 <= offset < 0x20:
            self.systick.write(offset, value)
        else:
            self._write_block(offset, value, nvic)

    def write_part(self, offset: int, value: int, size: int) -> None:
        if 0x28 <= offset & 0xFF < 0x2C and offset & ~3 == 0xD28:
            # Fault status is cleared by writing ones; the other bytes must keep theirs.
            self.cfsr &= ~(value << 8 * (offset & 3))
            return
        super().write_part(offset, value, size)

    def _write_block(self, offset: int, value: int, nvic: Nvic) -> None:
        match offset:
            case 0xD04:
                for number, set_bit, clear_bit in ((SYSTICK, 26, 25), (PENDSV, 28, 27), (NMI, 31, None)):
                    if value >> set_bit & 1:
                        nvic.pend_exception(number)
                    elif clear_bit and value >> clear_bit & 1:
                        nvic.clear_pending(number)
            case 0xD08:
                self.vtor = value & 0x3FFFFF80
            case 0xD0C:
                if value >> 16 == _KEY:
                    self._grouping = value >> 8 & 7
                    nvic.set_grouping(self._grouping)
                    if value & 4:
                        self._cpu.request_reset("software")
            case 0xD10:
                self.scr = value & 0x16
            case 0xD14:
                self.ccr = value & 0x31B
            case 0xD18 | 0xD1C | 0xD20:
                nvic.write_priorities(offset - 0xD14, value)
            case 0xD24:
                for number, bit in _SHCSR_ENABLE.items():
                    nvic.set_enabled(number, bool(value >> bit & 1))
            case 0xD28:
                self.cfsr &= ~value
            case 0xD2C:
                self.hfsr &= ~value
            case 0xD34:
                self.mmfar = value
            case 0xD38:
                self.bfar = value
            case 0xD88:
                self._cpacr = value & 0xF00000
            case 0xDFC:
                self._demcr = value
            case 0xF00:
                nvic.pend(value & 0x1FF)
            case 0xF34:
                self._fpccr = value
            case 0xF38:
                self._fpcar = value
            case 0xF3C:
                self._fpdscr = value


class CycleCounter(Peripheral):
    """The DWT at 0xE0001000, of which only CYCCNT counts."""

    def __init__(self) -> None:
        super().__init__(0xE0001000)
        self._control = 0
        self._base = 0
        self._held = 0

    def reset(self) -> None:
        self._control = self._base = self._held = 0

    def read(self, offset: int) -> int:
        if offset == 0:
            return 0x40000000 | self._control
        if offset == 4:
            return self.core.now - self._base & 0xFFFFFFFF if self._control & 1 else self._held
        return 0

    def write(self, offset: int, value: int) -> None:
        if offset == 0:
            count = self.read(4)
            self._control = value & 0xFFFFFFF
            self._held = count
            self._base = self.core.now - count
        elif offset == 4:
            self._held = value
            self._base = self.core.now - value
