"""An emulated board as a process of its own, steered like the QEMU board (microbrew_host.board.qemu.Qemu)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from microbrew_host.board.qemu import die_with_parent


class EmulatorFailed(Exception):
    """The emulator did not start; the text holds what it said."""


def command(image: Path, chip: str = "nrf52840", console: str = "pty", **options: object) -> list[str]:
    """Command line of an emulated board. ``options``: those of ``microbrew emulate``, None for one not given."""
    words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "microbrew_host", "emulate", chip, str(image), "--console", console, *words]


class Emulator:
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
        self._held: list[int] = []
        self._process = subprocess.Popen(  # noqa: S603 - our own words, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        try:
            stdout, stderr = self._process.stdout, self._process.stderr
            assert stdout and stderr  # noqa: S101 - said for the type checker
            line = stdout.readline()
            if not line.startswith("console "):
                raise EmulatorFailed(stderr.read().strip() or "the emulator ended")
            self.console = line.split()[1]
            # Held open, so that what the board says before anybody else opens it is kept.
            self._held = [os.open(self.console, os.O_RDWR | os.O_NOCTTY)]
        except BaseException:
            self.close()
            raise

    def wait(self, timeout: float) -> int:
        """Exit status of an emulator that ends by itself. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout)

    def close(self) -> None:
        """Pull the plug."""
        self._process.kill()
        self._process.communicate()
        for descriptor in self._held:
            os.close(descriptor)
        self._held = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
