"""``microbrew sniff``: frames from a radio behind a line into a pcap."""

import os
import selectors
import signal
import stat
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from microbrew_host.radio_line import LineRadio
from microbrew_host.sniff.pcap import Clock, FrameCapture

app = typer.Typer(add_completion=False, rich_markup_mode=None)

# Any will do: a sniffer neither sends nor acknowledges.
_EUI64 = bytes.fromhex("02000000736e6966")
_STEP_MS = 500
# Hello and configuration take two passages of the line.
_PATIENCE_S = 5.0


@app.command()
def sniff(
    out: Annotated[str, typer.Argument(help="File or FIFO to write to; - for standard output.")],
    radio: Annotated[str, typer.Option(help="serial:PATH or tcp:HOST:PORT of a radio (docs/serial-radio.md).")],
    channel: Annotated[int, typer.Option(help="Radio channel.", min=11, max=26)] = 15,
    fcs: Annotated[
        bool, typer.Option("--fcs/--no-fcs", help="With frame check sequences (link type 195), or without (230).")
    ] = True,
    count: Annotated[int | None, typer.Option(help="End after that many frames.", min=1)] = None,
) -> None:
    """Write every frame on a channel to a live pcap: sniff --radio serial:/dev/ttyACM0 - | wireshark -k -i -

    Ends with SIGINT, SIGTERM, or when the reader goes. What was counted comes on standard error.
    """
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stopping.append(number))
    with ExitStack() as stack:
        line = LineRadio(_EUI64, radio, promiscuous=True)
        stack.callback(line.close)
        line.set_channel(channel)
        selector = stack.enter_context(selectors.DefaultSelector())
        selector.register(line.fileno(), selectors.EVENT_READ)
        # After the radio, because opening a FIFO waits for its reader.
        capture = FrameCapture(stack.enter_context(_open(out)), fcs)
        written = _run(line, selector, capture, count, stopping)
    typer.echo(f"sniff: {written} frames, {line.counters}", err=True)


def _open(out: str) -> BinaryIO:
    if out == "-":
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    path = Path(out)
    if path.exists() and stat.S_ISFIFO(path.stat().st_mode):
        return path.open("wb", buffering=0)
    return path.open("wb")


def _run(
    line: LineRadio, selector: selectors.BaseSelector, capture: FrameCapture, count: int | None, stopping: list[int]
) -> int:
    clock = Clock()
    buf = bytearray(127)
    written = 0
    since = time.monotonic()
    while not stopping:
        length = line.receive_into(buf)
        while length:
            capture.write(bytes(buf[:length]), clock.time_of(line.timestamp, time.time_ns() // 1000))
            written += 1
            if written == count:
                return written
            length = line.receive_into(buf)
        if line.counters.get("refused"):
            raise ValueError("This radio cannot listen to everything.")
        if not line.is_up and time.monotonic() - since > _PATIENCE_S:
            raise ValueError("No radio answers at the other end of the line.")
        if selector.select(_STEP_MS / 1000):
            line.on_readable()
    return written
