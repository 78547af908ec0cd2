"""PRCM: power domains and clock gates; a change of a gate counts from CLKLOADCTL.LOAD on."""

from __future__ import annotations

from collections.abc import Callable

from microbrew_host.emulator.cc2652.block import RegisterBlock

_CLKLOADCTL = 0x28
_RFCCLKG = 0x2C
_SECDMACLKGR = 0x3C
_GPIOCLKGR = 0x48
_GPIOCLKGS = 0x4C
_UARTCLKGR = 0x6C
_UARTCLKGS = 0x70
_PDCTL0RFC, _PDCTL0SERIAL, _PDCTL0PERIPH = 0x130, 0x134, 0x138
_PDSTAT0, _PDSTAT0RFC, _PDSTAT1RFC = 0x140, 0x144, 0x19C
_PDCTL1RFC = 0x188
_RFCMODESEL, _RFCMODEHWOPT = 0x1D0, 0x1D4
_GATES = (_RFCCLKG, _SECDMACLKGR, _GPIOCLKGR, _GPIOCLKGS, _UARTCLKGR, _UARTCLKGS)
_RFC, _SERIAL, _PERIPH = 1, 2, 4
# Read-only registers.
_STATUS = (_PDSTAT0, _PDSTAT0RFC, _PDSTAT1RFC, _RFCMODEHWOPT)
# Personalities of the RF core: 0 to 5, as on a CC2652R.
_MODES = 0x3F

# A power domain needs this long until it says that it is on.
_DOMAIN_SECONDS = 20e-6
_LOAD_SECONDS = 2e-6


class Prcm(RegisterBlock):
    """``rf_listener``: called with True and False when the RF core's power changes."""

    def __init__(self) -> None:
        super().__init__(0x40082000)
        self.on = 0
        self.gates: dict[int, int] = {}
        self._loaded = False
        self.rf_listener: Callable[[bool], None] = lambda _on: None

    def reset(self) -> None:
        super().reset()
        self.on = 0
        self.gates = {}
        self._loaded = False
        self.rf_listener(False)

    def _wanted(self) -> int:
        words = self.words
        rfc = words.get(_PDCTL0RFC, 0) & words.get(_PDCTL1RFC, 0) & 1
        serial = words.get(_PDCTL0SERIAL, 0) & 1
        periph = words.get(_PDCTL0PERIPH, 0) & 1
        return rfc * _RFC | serial * _SERIAL | periph * _PERIPH

    def read(self, offset: int) -> int:
        if offset == _CLKLOADCTL:
            return 2 if self._loaded else 0
        if offset == _PDSTAT0:
            return self.on
        if offset in (_PDSTAT0RFC, _PDSTAT1RFC):
            return self.on & _RFC
        if offset == _RFCMODEHWOPT:
            return _MODES
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset in _STATUS:
            return
        if offset == _CLKLOADCTL:
            if value & 1:
                self._loaded = False
                self.core.at(self.core.now + self.core.cycles(_LOAD_SECONDS), self._load)
            return
        super().write(offset, value)
        if offset in _GATES:
            self._loaded = False
        wanted = self._wanted()
        if wanted != self.on:
            self.core.at(self.core.now + self.core.cycles(_DOMAIN_SECONDS), self._settle)

    def _load(self) -> None:
        self.gates = {gate: self.words.get(gate, 0) for gate in _GATES}
        self._loaded = True

    def _settle(self) -> None:
        before, self.on = self.on, self._wanted()
        if (before ^ self.on) & _RFC:
            self.rf_listener(bool(self.on & _RFC))

    def uart_clock(self, port: int) -> bool:
        """Whether UART ``port`` runs, also while the processor sleeps."""
        domain = (_SERIAL, _PERIPH)[port]
        gates = self.gates.get(_UARTCLKGR, 0) & self.gates.get(_UARTCLKGS, 0)
        return bool(self.on & domain and gates >> port & 1)

    def gpio_clock(self) -> bool:
        """Whether the GPIO block runs."""
        return bool(self.on & _PERIPH and self.gates.get(_GPIOCLKGR, 0) & 1)

    def crypto_clock(self) -> bool:
        """Whether the crypto core runs."""
        return bool(self.on & _PERIPH and self.gates.get(_SECDMACLKGR, 0) & 1)

    def trng_clock(self) -> bool:
        """Whether the TRNG runs."""
        return bool(self.on & _PERIPH and self.gates.get(_SECDMACLKGR, 0) & 2)

    def rf_clock(self) -> bool:
        """Whether the doorbell can be reached."""
        return bool(self.on & _RFC and self.gates.get(_RFCCLKG, 0) & 1)

    def rf_mode(self) -> int:
        """The personality that the RF core boots with."""
        return self.words.get(_RFCMODESEL, 0) & 7
