"""An emulated board as a process of its own, steered like the QEMU board (microbrew_host.board.qemu.Qemu)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from microbrew_host.board.child import Child


class EmulatorFailed(Exception):
    """The emulator did not start; the text holds what it said."""


def command(image: Path, chip: str = "nrf52840", console: str = "pty", **options: object) -> list[str]:
    """Command line of an emulated board. ``options``: those of ``microbrew emulate``, None for one not given."""
    words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "microbrew_host", "emulate", chip, str(image), "--console", console, *words]


class Emulator(Child):
    """A board that runs. ``console`` is the path of its first UART.

    ``flash``: file that keeps the whole flash. ``cut``: power fails at this write of a word or step of an erase, after
    which the process ends with POWER_CUT_STATUS. ``seed``: the RNG's bytes repeat. ``ether``: HOST:PORT of its air.
    ``eui64``: 16 digits, as whom it is in that air, else what the chip calls itself. ``identity``: which chip it is.
    Raises EmulatorFailed.
    """

    def __init__(
        self,
        image: Path,
        *,
        chip: str = "nrf52840",
        flash: Path | None = None,
        cut: int | None = None,
        seed: int | None = None,
        ether: str | None = None,
        eui64: str | None = None,
        identity: int | None = None,
    ) -> None:
        argv = command(image, chip, flash=flash, cut=cut, seed=seed, ether=ether, eui64=eui64, identity=identity)
        super().__init__(argv, stdin=subprocess.DEVNULL)
        try:
            line = self._said.readline()
            if not line.startswith("console "):
                raise EmulatorFailed(self._complaint() or "the emulator ended")
            self.console = line.split()[1]
            self._hold([self.console])
        except BaseException:
            self.close()
            raise
