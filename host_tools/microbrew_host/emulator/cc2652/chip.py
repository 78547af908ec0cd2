"""The CC2652R on its LaunchPad: memory map, blocks, consoles.

board = Cc2652(Path("build/firmware/cc2652-dev/firmware.elf"))
board.run(0.5)                      # half a second of virtual time
board.console.feed(b"1 + 1\\r")
board.run(0.1)
print(board.output)
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from microbrew_host.emulator.cc2652.block import RegisterBlock
from microbrew_host.emulator.cc2652.crypto import CryptoCore
from microbrew_host.emulator.cc2652.flash import SIZE, Flash, Vims
from microbrew_host.emulator.cc2652.pins import Gpio, Ioc
from microbrew_host.emulator.cc2652.power import Prcm
from microbrew_host.emulator.cc2652.rf_core import RfCore
from microbrew_host.emulator.cc2652.rtc import Rtc
from microbrew_host.emulator.cc2652.trng import Trng
from microbrew_host.emulator.cc2652.uart import Uart
from microbrew_host.emulator.cc2652.watchdog import Watchdog
from microbrew_host.emulator.cortexm import CortexM
from microbrew_host.emulator.elf import segments

HZ = 48_000_000
_IRQS = 38
_RAM, _RAM_SIZE = 0x20000000, 80 * 1024
_FACTORY, _CUSTOMER = 0x50001000, 0x50003000
_MAC = 0x2F0
CCFG_SIZE = 88


class Cc2652:
    """A board with an image in its flash. ``flash``: what the flash held before, of another one's ``flash.bytes``;
    ``flash_file``: a file that keeps it.

    ``output``: what it has said on its first UART, unless that goes elsewhere. Raises ValueError if the image is none
    for this chip.
    """

    def __init__(
        self,
        image: Path,
        *,
        eui64: bytes = bytes.fromhex("00124b000000c265"),
        flash: bytes | None = None,
        flash_file: Path | None = None,
    ) -> None:
        self.core = CortexM(HZ, _IRQS)
        core = self.core
        core.add_memory(_RAM, _RAM_SIZE)
        vims = Vims()
        core.add(vims)
        self.flash = Flash(core, vims, flash_file)
        core.add(self.flash)
        self.prcm = Prcm()
        self.ioc = Ioc()
        self.gpio = Gpio(self.ioc, self.prcm.gpio_clock)
        self.console = Uart(0, self.ioc, (2, 3), lambda: self.prcm.uart_clock(0))
        self.second_uart = Uart(1, self.ioc, (12, 11), lambda: self.prcm.uart_clock(1))
        self.uarts = (self.console, self.second_uart)
        self.trng = Trng(self.prcm.trng_clock)
        self.crypto = CryptoCore(self.prcm.crypto_clock)
        self.watchdog = Watchdog()
        self.rtc = Rtc()
        for block in (self.prcm, self.ioc, self.gpio, self.console, self.second_uart):
            core.add(block)
        for other in (self.trng, self.crypto, self.watchdog, self.rtc):
            core.add(other)
        low, high = struct.unpack("<II", eui64[::-1])
        core.add(RegisterBlock(_FACTORY, initial={_MAC: low, _MAC + 4: high}))
        self.rf = RfCore(core, self.prcm, self.rtc)
        self.output = ""
        self.console.on_byte = self._said
        if flash is not None:
            self.flash.load(0, flash)
        for address, content in segments(image):
            if address + len(content) > SIZE:
                raise ValueError(f"nothing can be programmed at {address:#x}")
            self.flash.load(address, content)
        self._boot_rom()
        core.power_on()

    def _boot_rom(self) -> None:
        """What the chip's own ROM demands before it starts an image: a valid CCFG, whose copy it shows."""
        ccfg = bytes(self.flash.bytes[SIZE - CCFG_SIZE :])
        words = struct.unpack("<22I", ccfg)
        if words[17] != 0:
            raise ValueError("CCFG: IMAGE_VALID_CONF does not name vectors at 0; the chip stays in its boot loader")
        if words[2] >> 16 != CCFG_SIZE:
            raise ValueError("CCFG: wrong size")
        at = 0x1000 - CCFG_SIZE
        initial = {at + 4 * i: word for i, word in enumerate(words)}
        self.core.add(RegisterBlock(_CUSTOMER, initial=initial))

    def _said(self, byte: int) -> None:
        self.output += chr(byte)

    def run(self, seconds: float) -> None:
        """Go on for so much virtual time. Raises ImageFault, PowerCut, Lockup."""
        self.core.run(self.core.now + self.core.cycles(seconds))

    def run_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Go on until something is so, at most for so much virtual time; whether it is."""
        end = self.core.now + self.core.cycles(seconds)
        while self.core.now < end and not condition():
            self.core.run(min(end, self.core.now + self.core.cycles(1e-3)))
        return condition()
