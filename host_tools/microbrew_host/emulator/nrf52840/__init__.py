"""The nRF52840 at register level, one file for each block of the chip."""

from microbrew_host.emulator.nrf52840.block import Misuse
from microbrew_host.emulator.nrf52840.chip import Nrf52840
from microbrew_host.emulator.nrf52840.flash import Flash, PowerCut

__all__ = ["Flash", "Misuse", "Nrf52840", "PowerCut"]
