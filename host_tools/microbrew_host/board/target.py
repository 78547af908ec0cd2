"""Boards by name: what TARGET= and --target can be. Whoever gets a Target need not know which it is.

=====================  ====================================================================================
``unix``               MicroPython as a process of this machine; its flash is a directory
``qemu_an386``         our image for the emulated board, built by `make firmware BOARD=qemu_an386`
``cc2652-emulated``    our image for the CC2652 LaunchPad in our model of the chip
``nrf52840-emulated``  our image for the nRF52840 DK in our model of the chip
``nrf52840_stock-emulated``  upstream's port for it with our package (boards/nrf52840_stock), in the same model
``/dev/ttyACM0``       whatever answers with a REPL on that serial port
=====================  ====================================================================================
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pty
import select
import signal
import subprocess
import tempfile
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from microbrew_host.board.child import die_with_parent
from microbrew_host.board.errors import BoardError
from microbrew_host.board.qemu import Qemu, QemuFailed
from microbrew_host.board.repl import Repl
from microbrew_host.demo import parts
from microbrew_host.demo.process import ProcessError

UNIX = "unix"
QEMU = "qemu_an386"
# Of device.py in boards/common: in the directory where a port starts, its filesystem's root, be it / as ours or /flash.
STORE = "store"
_UNIX_HEAP = "8M"
_START_SECONDS = 20.0
_RETRY_SECONDS = 0.2


class Target:
    """A board that runs. ``console``: path of the serial port with its REPL. ``radio``: that of its radio's wire, None
    if its radio is not on a wire. ``emulated``: no hardware. ``numbered``: its chip has a number of its own.
    ``platform``: the directory in boards/ that its image is made from, None where nobody here knows that."""

    def __init__(
        self,
        name: str,
        console: str,
        *,
        radio: str | None = None,
        emulated: bool = True,
        numbered: bool = False,
        platform: str | None = None,
        interrupt: Callable[[], None] = lambda: None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.console = console
        self.radio = radio
        self.emulated = emulated
        self.numbered = numbered
        self.platform = platform
        self._interrupt = interrupt
        self._close = close

    def repl(self, patience: float = 0) -> Repl:
        """Its REPL, a context; whatever program runs is interrupted.

        ``patience``: seconds that its port may be away, as on USB after a reset. Raises BoardError.
        """
        end = time.monotonic() + patience
        while True:
            try:
                self._interrupt()
                return Repl(self.console)
            except BoardError:
                if time.monotonic() > end:
                    raise
                time.sleep(_RETRY_SECONDS)

    def close(self) -> None:
        """Let go of it; an emulated one loses its power."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_target(
    name: str, flash: Path | None = None, air: str | None = None, eui64: str | None = None, **options: Any
) -> Target:
    """The target of that name. ``flash``: what keeps the store of an emulated one: a file, for ``unix`` a directory.

    ``air``: HOST:PORT of the ether for an emulated radio; one on a wire is connected by who runs the ether instead.
    ``eui64``: as whom a board is in that air whose image does not make its address out of its chip's number.
    ``options`` are the emulator's: heap, seed and so on. Raises BoardError with a sentence.
    """
    if "/" in name:
        if flash is not None or options:
            raise BoardError(f"{name} is a real board, which has its own flash and heap")
        if not os.path.exists(name):
            raise BoardError(f"there is no {name}; is the board plugged in?")
        return Target(name, name, emulated=False, numbered=True)
    if name not in OPENERS:
        raise BoardError(f"no target {name}; there are {', '.join(OPENERS)} and serial ports such as /dev/ttyACM0")
    return OPENERS[name](name, flash, air, eui64, **options)


def build_directory() -> Path:
    """Where the Makefile leaves images. There is one in a checkout only."""
    return parts.firmware().parent / "build"


def image(board: str, variant: str = "dev") -> Path:
    """The image of a board. Raises BoardError if it has not been built."""
    path = build_directory() / f"firmware/{board}-{variant}/firmware.elf"
    if not path.exists():
        raise BoardError(f"{path} is missing: make firmware BOARD={board} VARIANT={variant}")
    return path


def _open_qemu(name: str, flash: Path | None, _air: str | None, _eui64: str | None, **options: Any) -> Target:
    try:
        board = Qemu(image(name), flash=flash, **options)
    except FileNotFoundError:
        raise BoardError("qemu-system-arm is missing: make toolchain") from None
    except QemuFailed as error:
        raise BoardError(f"qemu-system-arm: {error}") from None
    return Target(name, board.console, radio=board.radio, platform=name, close=board.close)


def _emulated(chip: str, board: str, numbered: bool = True) -> Callable[..., Target]:
    """Opens the image for ``board`` in our model of ``chip``. ``numbered``: the image tells the chip's number."""

    def start(name: str, flash: Path | None, air: str | None, eui64: str | None, **options: Any) -> Target:
        own = None if numbered else eui64
        try:
            emulator = importlib.import_module("microbrew_host.emulator")
        except ImportError as error:
            raise BoardError(f"the emulator of the {chip} is not installed here: {error}") from None
        try:
            running = emulator.Emulator(image(board), chip=chip, flash=flash, ether=air, eui64=own, **options)
        except emulator.EmulatorFailed as error:
            raise BoardError(f"the emulator of the {chip}: {error}") from None
        return Target(name, running.console, numbered=numbered, platform=board, close=running.close)

    return start


def _open_unix(name: str, flash: Path | None, _air: str | None, _eui64: str | None, heap: int | None = None) -> Target:
    closing = contextlib.ExitStack()
    try:
        if flash is None:
            flash = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        flash = flash.resolve()
        flash.mkdir(exist_ok=True)
        ours, theirs = pty.openpty()
        # Held open on this side too: without anybody there the process would find its terminal gone.
        closing.callback(os.close, theirs)
        tty.setraw(theirs)
        script = Path(__file__).with_name("unix_repl.py")
        firmware = parts.firmware()
        process = subprocess.Popen(  # noqa: S603 - our own words, no shell
            [os.path.abspath(parts.interpreter()), "-X", f"heapsize={heap or _UNIX_HEAP}", str(script)],
            env={**os.environ, "MICROPYPATH": f"{firmware}:{parts.native_module()}:.frozen"},
            cwd=flash,
            stdin=ours,
            stdout=ours,
            stderr=ours,
            preexec_fn=die_with_parent,
        )
        os.close(ours)
        closing.callback(process.wait)
        closing.callback(process.kill)

        # A signal before it is there would end it.
        if not select.select([theirs], [], [], _START_SECONDS)[0]:
            raise BoardError("MicroPython did not start")
        os.read(theirs, 64)

        def interrupt() -> None:
            process.send_signal(signal.SIGINT)

        return Target(name, os.ttyname(theirs), platform=UNIX, interrupt=interrupt, close=closing.close)
    except ProcessError as error:
        closing.close()
        raise BoardError(str(error)) from None
    except BaseException:
        closing.close()
        raise


# A new emulator is a line here: its name, and a function of (name, flash, air, eui64, **options) that gives a Target.
OPENERS: dict[str, Callable[..., Target]] = {
    UNIX: _open_unix,
    QEMU: _open_qemu,
    "cc2652-emulated": _emulated("cc2652", "cc2652"),
    "nrf52840-emulated": _emulated("nrf52840", "nrf52840dk"),
    "nrf52840_stock-emulated": _emulated("nrf52840", "nrf52840_stock", numbered=False),
}
