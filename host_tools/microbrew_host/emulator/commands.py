"""``microbrew emulate``: run an image for a board on an emulated chip."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from microbrew.errors import MicrobrewError
from microbrew_host.board.child import POWER_CUT_STATUS

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Stopped(MicrobrewError):
    """The emulation cannot start, or cannot go on because the program did what the chip forbids."""


@app.command()
def emulate(
    chip: Annotated[str, typer.Argument(help="The chip: nrf52840 or cc2652.")],
    image: Annotated[Path, typer.Argument(help="ELF file, such as build/firmware/nrf52840dk-dev/firmware.elf.")],
    console: Annotated[str, typer.Option(help="UART 0: pty (its path is printed) or stdio.")] = "pty",
    flash: Annotated[Path | None, typer.Option(help="File that keeps the flash; made if it is not there.")] = None,
    ether: Annotated[str | None, typer.Option(help="HOST:PORT of the air; without, nobody hears the radio.")] = None,
    eui64: Annotated[str | None, typer.Option(help="As whom it is in that air; else what the chip is called.")] = None,
    identity: Annotated[int, typer.Option(help="Which chip it is: another number, another FICR.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Repeat the random generator's bytes. Never for real keys.")] = None,
    cut: Annotated[int | None, typer.Option(min=1, help="Power fails at this write or erase step of flash.")] = None,
) -> None:
    """Run an unmodified image on a chip that is modelled at register level, beside wall time.

    docs/emulation.md says what is modelled. Exit status 86: the power cut that was asked for.
    """
    try:
        from microbrew_host.emulator import cc2652
        from microbrew_host.emulator.board import CHIPS
        from microbrew_host.emulator.console import Console
        from microbrew_host.emulator.cortexm import Lockup
        from microbrew_host.emulator.nrf52840 import Misuse, PowerCut
    except ModuleNotFoundError as error:
        if error.name != "unicorn":
            raise
        raise Stopped("the emulator needs the package unicorn: pip install unicorn") from None

    if chip not in CHIPS:
        raise ValueError(f"no chip {chip}; there is {', '.join(CHIPS)}")
    line = Console(console)
    board = CHIPS[chip](
        image,
        consoles=[line],
        flash=flash,
        cut=cut,
        seed=seed,
        identity=identity,
        ether=_address(ether) if ether else None,
        eui64=_eui64(eui64) if eui64 else None,
    )
    if line.path is not None:
        typer.echo(f"console {line.path}")
        sys.stdout.flush()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: board.stop())
    try:
        board.run()
    except (PowerCut, cc2652.PowerCut):
        raise typer.Exit(POWER_CUT_STATUS) from None
    except (Misuse, cc2652.ImageFault, Lockup) as error:
        raise Stopped(str(error)) from None
    finally:
        line.close()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"--ether takes HOST:PORT, not {text!r}")
    return host, int(port)


def _eui64(text: str) -> bytes:
    from microbrew_host.ether.topology import parse_eui64

    return parse_eui64(text)
