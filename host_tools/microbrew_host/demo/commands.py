"""``microbrew demo``: a whole zero-touch network on this machine."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from microbrew_host.board.target import UNIX
from microbrew_host.demo import display
from microbrew_host.demo.run import HEAP_SIZE, Demo
from microbrew_host.demo.scenario import Scenario, free_ports

_MARKER = ".microbrew-demo"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def run(
    directory: Annotated[Path, typer.Option(help="Where everything goes; emptied first.")] = Path("build/demo"),
    loss: Annotated[float, typer.Option(help="Share of frames lost at each receiver.", min=0, max=0.9)] = 0.1,
    seed: Annotated[int, typer.Option(help="Seed of the losses.")] = 1,
    timeout: Annotated[float, typer.Option(help="Give up after so many seconds.")] = 110,
    heap: Annotated[str, typer.Option(help="Heap of each process, as MicroPython's -X heapsize.")] = HEAP_SIZE,
    target: Annotated[str, typer.Option(help="What devices A and B run on: unix or qemu_an386.")] = UNIX,
) -> None:
    """Join three devices through each other, refuse a fourth, show and record what happened."""
    console = Console(width=None if Console().is_terminal else 140)
    if directory.exists():
        if any(directory.iterdir()) and not (directory / _MARKER).exists():
            raise typer.BadParameter(f"{directory} holds something that is no demo; it would be emptied")
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    (directory / _MARKER).touch()
    console.print("Making two manufacturers, five devices and a registrar ...")
    scenario = Scenario(directory.resolve(), free_ports(), target)
    scenario.prepare()
    demo = Demo(scenario, loss, seed, heap)
    try:
        seconds = asyncio.run(_run(demo, timeout, console))
    except asyncio.CancelledError:
        raise typer.Exit(128 + signal.SIGTERM) from None
    console.print(display.summary(demo.devices, heap))
    report = directory / "report.json"
    report.write_text(json.dumps(demo.report(seconds), indent=1) + "\n")
    console.print(f"{report}, {directory / 'air.pcap'}; logs in {directory / 'log'}")
    wrong = demo.verdict()
    for sentence in wrong:
        console.print(f"[red]{sentence}[/red]")
    if wrong:
        raise typer.Exit(1)
    console.print(f"A, B and C joined, D was refused, in {seconds:.1f} s.")


async def _run(demo: Demo, timeout: float, console: Console) -> float:
    note = f"{demo.loss:.0%} of frames lost"
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - said for the type checker
    # Whoever ends the demo ends its processes too.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await demo.start()
        if not console.is_terminal:
            shown: dict[str, str] = {}

            def print_changes(elapsed: float) -> None:
                for device in demo.devices:
                    if shown.get(device.name) != device.state:
                        shown[device.name] = device.state
                        console.print(f"{elapsed:6.1f} s  {device.name}  {device.state}")

            return await demo.run(timeout, print_changes)
        with Live(console=console, refresh_per_second=8) as view:
            return await demo.run(timeout, lambda elapsed: view.update(display.live(demo.devices, elapsed, note)))
    finally:
        await demo.stop()
