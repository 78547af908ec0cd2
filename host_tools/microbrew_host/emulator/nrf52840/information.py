"""FICR: what the factory wrote into the chip."""

from __future__ import annotations

import random
import struct

from microbrew_host.emulator.peripheral import Peripheral


class Ficr(Peripheral):
    """0x10000000. ``identity`` makes the device identifier and address: the same gives the same chip."""

    def __init__(self, identity: int) -> None:
        super().__init__(0x10000000)
        chance = random.Random(identity)  # noqa: S311 - an identifier, not a secret
        words = {0x10: 4096, 0x14: 256, 0xA0: 1}
        for offset in (0x60, 0x64, 0xA4, 0xA8, *range(0x80, 0xA0, 4)):
            words[offset] = chance.getrandbits(32)
        # PART, VARIANT AAD0, PACKAGE QIAA, RAM and FLASH in kB.
        words |= {0x100: 0x52840, 0x104: 0x41414430, 0x108: 0x2004, 0x10C: 256, 0x110: 1024}
        self._words = words

    @property
    def device_id(self) -> bytes:
        """The 64 random bits, DEVICEID[0] first."""
        return struct.pack("<II", self._words[0x60], self._words[0x64])

    def read(self, offset: int) -> int:
        return self._words.get(offset, 0xFFFFFFFF)

    def write(self, offset: int, value: int) -> None:
        """The factory's writing is not changed."""
