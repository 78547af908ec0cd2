"""Microcontrollers at register level: images for boards run unmodified, in virtual time.

``cortexm`` is the processor, ``nrf52840`` the chip around it, ``Emulator`` a board in a process of its own.
docs/emulation.md says what is modelled, where the timings come from, and what differs from hardware.
"""

from microbrew_host.board.child import POWER_CUT_STATUS
from microbrew_host.emulator.emulator import Emulator, EmulatorFailed

__all__ = ["POWER_CUT_STATUS", "Emulator", "EmulatorFailed"]
