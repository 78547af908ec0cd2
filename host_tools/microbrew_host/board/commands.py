"""``microbrew board``: what can be done to a board from here."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from microbrew.identity.store import Store
from microbrew_host.board import deploy as deployment
from microbrew_host.board.errors import BoardError
from microbrew_host.board.packs import Compiler
from microbrew_host.board.target import STORE, build_directory, open_target
from microbrew_host.demo import parts

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Talk to boards.")

Target = Annotated[str, typer.Option(help="A serial port such as /dev/ttyACM0, or the name of an emulated board.")]
Flash = Annotated[Path | None, typer.Option(help="What keeps the store of an emulated board.")]


@app.callback()
def _root() -> None:
    """Talk to boards."""


@app.command()
def deploy(
    target: Target,
    flash: Flash = None,
    store: Annotated[
        Path | None,
        typer.Option(help="A store that `microbrew factory provision --out` made: its identity goes along."),
    ] = None,
    modules: Annotated[
        list[Path] | None,
        typer.Option(help="Directory with modules of the board, board_radio.py at least. Repeatable."),
    ] = None,
) -> None:
    """Put the firmware onto a board with stock MicroPython. Repeated, it writes only what differs."""
    from microbrew_host.factory.line import RECORD
    from microbrew_host.factory.wire import Wire

    record = None
    if store is not None:
        record = Store(str(store)).read(RECORD) if store.is_dir() else None
        if record is None:
            raise BoardError(f"{store} is no store of a device")
    if target == "unix":
        raise BoardError("unix runs the firmware from its files: nothing to deploy")
    build = build_directory()
    report = deployment.Report()
    compiler = Compiler(build / "mpy-cross/mpy-cross")
    with open_target(target, flash) as board, board.repl() as repl:
        interpreter = deployment.interpreter_of(repl)
        wanted = deployment.contents(interpreter, compiler, parts.firmware(), build / "native", modules or [], report)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as progress:
            task = progress.add_task("comparing", total=None)

            def advance(path: str, done: int, total: int) -> None:
                progress.update(task, description=path, completed=done, total=total)

            deployment.put(repl, wanted, report, advance)
        deployment.check(repl, report)
        if record is not None:
            # The whole node is imported by now; a small heap has no room for more.
            repl.soft_reset()
            Wire(repl, STORE).place(record)
    print(
        f"{target}: {len(report.written)} of {report.files} files written, {report.bytes_written} of "
        f"{report.bytes_all} bytes, all read back; crypto {report.crypto}"
    )
    for remark in report.remarks:
        print(f"{target}: {remark}")
    if record is not None:
        print(f"{target}: is {record[1]}")
