"""ECB: AES-128 of one block, by EasyDMA."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from microbrew_host.emulator.nrf52840.block import Block
from microbrew_host.emulator.nrf52840.ppi import Ppi
from microbrew_host.emulator.schedule import Event

BLOCK_US = 7.2
_ENDECB, _ERRORECB = 0x100, 0x104


class Ecb(Block):
    """0x4000E000: key, clear text, cipher text in 48 bytes of RAM."""

    def __init__(self, ppi: Ppi) -> None:
        super().__init__(0x4000E000, ppi)
        self.tasks = {0x00: self._start, 0x04: self._stop}
        self._end: Event | None = None

    def reset(self) -> None:
        self._end = None
        super().reset()

    def _start(self) -> None:
        if self._end is None:
            self._end = self.core.at(self.core.now + self.core.cycles(BLOCK_US / 1e6), self._done)

    def _stop(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
            self.signal(_ERRORECB)

    def _done(self) -> None:
        self._end = None
        address = self.registers.get(0x504, 0)
        data = self.fetch(address, 32)
        # One block at a time is what this hardware does.
        encryptor = Cipher(algorithms.AES(data[:16]), modes.ECB()).encryptor()  # noqa: S305
        self.store(address + 32, encryptor.update(data[16:]))
        self.signal(_ENDECB)
