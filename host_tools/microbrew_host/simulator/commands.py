"""``microbrew sim``: how a network of many devices joins, in virtual time."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from microbrew_host.simulator.simulation import Result, Settings, run
from microbrew_host.simulator.topology import TOPOLOGIES

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_SHARES = (0.1, 0.5, 0.9, 0.99, 1.0)
_SHOWN_FAILURES = 10


@app.command()
def sim(
    devices: Annotated[int, typer.Option(help="How many devices.", min=1, max=250)] = 100,
    loss: Annotated[float, typer.Option(help="Share of frames lost at each receiver.", min=0, max=0.9)] = 0.2,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 1,
    topology: Annotated[str, typer.Option(help=f"Who hears whom: {', '.join(TOPOLOGIES)}.")] = "random",
    timeout: Annotated[int, typer.Option(help="Give up after so many virtual seconds.", min=1)] = 1800,
    contention: Annotated[bool, typer.Option(help="Let radios share one channel: carrier sense, collisions.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Switch on many devices around one border router and let them join: real firmware, registrar and MASA.

    Exit status 1 if any of them did not.
    """
    settings = Settings(devices, loss, seed, topology, timeout, contention)
    errors = Console(stderr=True)
    begin = time.monotonic()
    if errors.is_terminal:
        with errors.status("switching on") as status:
            result = run(
                settings,
                lambda joined, now: status.update(f"{joined} of {devices} joined at {now / 1000:.0f} s (virtual)"),
            )
    else:
        result = run(settings)
    seconds = time.monotonic() - begin
    if as_json:
        print(json.dumps(_facts(settings, result, seconds), indent=1))  # noqa: T201
    else:
        _show(Console(width=None if Console().is_terminal else 140), settings, result, seconds)
    if result.failed:
        raise typer.Exit(1)


def _facts(settings: Settings, result: Result, seconds: float) -> dict[str, object]:
    percentiles = {f"{share:.0%}": result.percentile(share) for share in _SHARES}
    return {
        "settings": dataclasses.asdict(settings),
        "result": dataclasses.asdict(result) | {"percentiles_ms": percentiles},
        "real_seconds": round(seconds, 1),
    }


def _show(console: Console, settings: Settings, result: Result, seconds: float) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_row("joined", f"{result.joined} of {settings.devices}")
    times = [(share, result.percentile(share)) for share in _SHARES]
    told = "  ".join(f"{share:.0%}: {ms / 1000:.1f} s" for share, ms in times if ms is not None)
    table.add_row("time to join (virtual)", told or "-")
    table.add_row("hops: devices", "  ".join(f"{hops}: {count}" for hops, count in result.hops.items()) or "-")
    table.add_row("attempts", f"{result.attempts} for {settings.devices} devices")
    table.add_row("on the air", f"{result.frames} frames, {result.octets} bytes, {result.frames_lost} deliveries lost")
    if settings.contention:
        busy = f"{result.collisions} deliveries collided, {result.channel_busy} frames found no free channel"
        table.add_row("contention", busy)
    table.add_row("sent again", f"{result.link_retries} frames, {result.coap_retries} messages of pledges")
    table.add_row("datagrams given up by a hop", str(result.datagrams_lost))
    table.add_row("took", f"{result.virtual_ms / 1000:.1f} s virtual, {seconds:.1f} s real")
    table.add_row("digest", result.digest[:16])
    console.print(table)
    for serial, state in list(result.failed.items())[:_SHOWN_FAILURES]:
        console.print(f"{serial} did not join: {state}", style="red")
    if len(result.failed) > _SHOWN_FAILURES:
        console.print(f"and {len(result.failed) - _SHOWN_FAILURES} more", style="red")
