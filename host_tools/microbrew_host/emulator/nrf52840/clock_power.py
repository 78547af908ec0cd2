"""CLOCK and POWER, which share their registers' page."""

from __future__ import annotations

from microbrew_host.emulator.nrf52840.block import Block, Misuse
from microbrew_host.emulator.nrf52840.ppi import Ppi

HFXO_START_US = 360
LFRC_START_US = 600
LFXO_START_US = 250_000
_CALIBRATION_US = 16_000
_HFSTARTED, _LFSTARTED, _DONE = 0x100, 0x104, 0x10C
_REASONS = {"pin": 1 << 0, "watchdog": 1 << 1, "software": 1 << 2, "lockup": 1 << 3, "off": 1 << 16}
_KEPT = (0x51C, 0x520)  # GPREGRET


class ClockPower(Block):
    """0x40000000: crystal and its start-up time, low-frequency clock, reason of the last reset."""

    RESET = {0x528: 0x10, 0x550: 0, 0x558: 0}

    def __init__(self, ppi: Ppi) -> None:
        super().__init__(0x40000000, ppi)
        self._reason = 0
        self._kept = dict.fromkeys(_KEPT, 0)
        self.crystal = False
        self._low = False
        self.tasks = {0x00: self._start_crystal, 0x04: self._stop_crystal, 0x08: self._start_low, 0x0C: self._stop_low}
        self.tasks[0x10] = self._calibrate

    def reset(self) -> None:
        reason = self.core.reset_reason
        self._reason = 0 if reason == "power" else self._reason | _REASONS[reason]
        if reason == "power":
            self._kept = dict.fromkeys(_KEPT, 0)
        self.crystal = self._low = False
        self._crystal_wanted = self._low_wanted = False
        super().reset()

    def _start_crystal(self) -> None:
        if self._crystal_wanted:
            if self.crystal:
                self.signal(_HFSTARTED)
            return
        self._crystal_wanted = True
        self.core.at(self.core.now + self.core.cycles(HFXO_START_US / 1e6), self._crystal_runs)

    def _crystal_runs(self) -> None:
        if self._crystal_wanted:
            self.crystal = True
            self.signal(_HFSTARTED)

    def _stop_crystal(self) -> None:
        self._crystal_wanted = self.crystal = False

    def _start_low(self) -> None:
        if self._low_wanted:
            return
        self._low_wanted = True
        delay = LFXO_START_US if self.registers.get(0x518, 0) & 3 == 1 else LFRC_START_US
        self.core.at(self.core.now + self.core.cycles(delay / 1e6), self._low_runs)

    def _low_runs(self) -> None:
        if self._low_wanted:
            self._low = True
            self.signal(_LFSTARTED)

    def _stop_low(self) -> None:
        self._low_wanted = self._low = False

    def _calibrate(self) -> None:
        self.core.at(self.core.now + self.core.cycles(_CALIBRATION_US / 1e6), lambda: self.signal(_DONE))

    def get(self, offset: int) -> int:
        source = self.registers.get(0x518, 0) & 3
        match offset:
            case 0x400:
                return self._reason
            case 0x408:
                return int(self._crystal_wanted)
            case 0x40C:
                return int(self.crystal) | 1 << 16
            case 0x414:
                return int(self._low_wanted)
            case 0x418:
                return (source | 1 << 16) if self._low else 0
            case 0x41C:
                return source
            case 0x640:
                return 0  # normal voltage
        if offset in _KEPT:
            return self._kept[offset]
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        if offset == 0x400:
            self._reason &= ~value
        elif offset == 0x500 and value & 1:
            raise Misuse("System OFF is not modelled")
        elif offset in _KEPT:
            self._kept[offset] = value & 0xFF
        else:
            super().put(offset, value)
