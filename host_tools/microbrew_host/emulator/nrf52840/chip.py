"""The whole chip, as an nRF52840 DK has it: what is where, buttons, LEDs."""

from __future__ import annotations

from microbrew_host.emulator.air import Air
from microbrew_host.emulator.cortexm import CortexM
from microbrew_host.emulator.nrf52840.block import RAM_BASE, RAM_SIZE
from microbrew_host.emulator.nrf52840.clock_power import ClockPower
from microbrew_host.emulator.nrf52840.ecb import Ecb
from microbrew_host.emulator.nrf52840.egu import Egu
from microbrew_host.emulator.nrf52840.flash import Flash
from microbrew_host.emulator.nrf52840.gpio import Gpio
from microbrew_host.emulator.nrf52840.gpiote import Gpiote
from microbrew_host.emulator.nrf52840.information import Ficr
from microbrew_host.emulator.nrf52840.nvmc import Acl, Nvmc
from microbrew_host.emulator.nrf52840.ppi import Ppi
from microbrew_host.emulator.nrf52840.radio import Radio
from microbrew_host.emulator.nrf52840.rng import Rng
from microbrew_host.emulator.nrf52840.rtc import Rtc
from microbrew_host.emulator.nrf52840.temp import Temp
from microbrew_host.emulator.nrf52840.timer import Timer
from microbrew_host.emulator.nrf52840.uart import Uart
from microbrew_host.emulator.nrf52840.wdt import Wdt

HZ = 64_000_000
_IRQS = 48
_CODE_RAM = 0x00800000
LEDS = (13, 14, 15, 16)
BUTTONS = (11, 12, 24, 25)


class Nrf52840:
    """``core.run`` makes it go. ``identity``: which chip it is (FICR); ``seed``: repeats the RNG's bytes."""

    def __init__(self, air: Air, flash: Flash, identity: int = 0, seed: int | None = None) -> None:
        self.core = core = CortexM(HZ, _IRQS)
        self.flash = flash
        core.add_memory(RAM_BASE, RAM_SIZE)
        core.alias_code(_CODE_RAM, RAM_SIZE, RAM_BASE)
        self.ppi = ppi = Ppi()
        self.clock = ClockPower(ppi)
        self.radio = Radio(ppi, self.clock, air)
        self.uarts = (Uart(0x40002000, ppi), Uart(0x40028000, ppi))
        self.gpio = (Gpio(0x50000000, 32), Gpio(0x50000300, 16))
        self.rng = Rng(ppi, seed)
        self.ficr = Ficr(identity)
        acl = Acl()
        self.acl = acl
        self.nvmc = Nvmc(flash, acl)
        self.timers = tuple(
            Timer(base, ppi, channels)
            for base, channels in ((0x40008000, 4), (0x40009000, 4), (0x4000A000, 4), (0x4001A000, 6), (0x4001B000, 6))
        )
        self.rtcs = (Rtc(0x4000B000, ppi, 3), Rtc(0x40011000, ppi, 4), Rtc(0x40024000, ppi, 4))
        blocks = (ppi, self.clock, self.radio, *self.uarts, *self.gpio, Gpiote(ppi, self.gpio), self.rng)
        for block in (*blocks, Ecb(ppi), Temp(ppi), Wdt(ppi), self.ficr, self.nvmc, acl, *self.timers, *self.rtcs):
            core.add(block)
        for number in range(6):
            core.add(Egu(0x40014000 + 0x1000 * number, ppi))
        ppi.connect(core.peripherals)
        core.on_lockup = lambda: core.request_reset("lockup")

    def press(self, button: int, down: bool) -> None:
        """Button 1 to 4 of the DK, which connects its pin to ground."""
        self.gpio[0].drive(BUTTONS[button - 1], False if down else None)

    def led(self, number: int) -> bool:
        """Whether LED 1 to 4 is lit: its pin is driven low."""
        return self.gpio[0].output(LEDS[number - 1]) is False
