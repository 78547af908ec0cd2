"""An emulated board as a child process, whichever emulator it is."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Iterable
from typing import IO, Self

# Exit status of every emulator of ours whose power was cut (boards/qemu_an386/flash.c).
POWER_CUT_STATUS = 86
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """For preexec_fn: be killed when the parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A process that runs a board, as a context; it dies with this one. A sub-class reads what it says at its start,
    and calls ``close`` if that is not what it hoped for."""

    def __init__(self, argv: list[str], *, stdin: int) -> None:
        self._held: list[int] = []
        self._process = subprocess.Popen(  # noqa: S603 - our own words, no shell
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )

    @property
    def _said(self) -> IO[str]:
        assert self._process.stdout is not None  # noqa: S101 - said for the type checker
        return self._process.stdout

    def _complaint(self) -> str:
        """What it wrote to its standard error until it ended."""
        assert self._process.stderr is not None  # noqa: S101 - said for the type checker
        return self._process.stderr.read().strip()

    def _hold(self, terminals: Iterable[str]) -> None:
        """Keep pseudo-terminals open, so that what the board says before anybody else opens them is kept."""
        self._held = [os.open(path, os.O_RDWR | os.O_NOCTTY) for path in terminals]

    def wait(self, timeout: float) -> int:
        """Exit status of an emulator that ends by itself. Raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout)

    def close(self) -> None:
        """Pull the plug: what is not in the flash file by now is lost."""
        self._process.kill()
        self._process.communicate()
        for descriptor in self._held:
            os.close(descriptor)
        self._held = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
