"""``microbrew ether``: run the hub as a process."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from microbrew.radio.zep import PORT
from microbrew_host import radio_line
from microbrew_host.ether import topology as topologies
from microbrew_host.ether.capture import Capture
from microbrew_host.ether.control import execute
from microbrew_host.ether.hub import Ether
from microbrew_host.ether.real_air import RealAir
from microbrew_host.ether.serial_bridge import SerialBridge
from microbrew_host.ether.serial_line import Endpoint, parse
from microbrew_host.ether.topology import Topology

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_MAX_LINE = 4096


@app.command()
def ether(
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 takes a free one.")] = (
        f"127.0.0.1:{PORT}"
    ),
    loss: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Probability that a delivery is lost.")] = None,
    seed: Annotated[int | None, typer.Option(help="Make the losses reproducible.")] = None,
    topology: Annotated[Path | None, typer.Option(help="TOML file of who hears whom.")] = None,
    link: Annotated[
        list[str] | None, typer.Option(help="A,B or A,B,LOSS: these EUI-64s hear each other. Repeatable.")
    ] = None,
    serial: Annotated[
        list[str] | None,
        typer.Option(
            help="Be the radio of a device at PATH, pty:PATH, tcp:HOST:PORT or listen:HOST:PORT, each with =EUI64 if "
            "it may have no other. Repeatable."
        ),
    ] = None,
    radio: Annotated[
        str | None,
        typer.Option(
            help="serial:PATH or tcp:HOST:PORT of a devkit with the bridge image; joins this air to the real one as "
            "node `radio` of links. Acknowledgements of nodes in here come too late there (docs/serial-radio.md)."
        ),
    ] = None,
    channel: Annotated[int, typer.Option(help="Channel of --radio; others stay in here.", min=11, max=26)] = 15,
    pcap: Annotated[Path | None, typer.Option(help="Write every frame to this file for Wireshark.")] = None,
    control: Annotated[
        bool, typer.Option("--control", help="Obey commands from standard input: loss, link, unlink, stats.")
    ] = False,
) -> None:
    """The air between processes: forwards IEEE 802.15.4 frames in ZEP datagrams between its clients.

    Without links everyone hears everyone. SIGTERM or SIGINT ends it with its counters.
    """
    host, port = _address(listen)
    air = topologies.load(topology, loss) if topology else Topology(loss or 0.0)
    for text in link or ():
        topologies.add_link(air, text)
    endpoints = [parse(text) for text in serial or ()]
    if radio:
        radio_line.check(radio)
    hub = Ether(air, seed, Capture(pcap) if pcap else None)
    try:
        asyncio.run(_serve(hub, host, port, control, endpoints, (radio, channel) if radio else None))
    finally:
        hub.close()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"--listen takes HOST:PORT, not {text!r}")
    return host, int(port)


def _say(text: str) -> None:
    typer.echo(f"ether: {text}")
    sys.stdout.flush()


async def _serve(
    hub: Ether, host: str, port: int, control: bool, endpoints: list[Endpoint], radio: tuple[str, int] | None
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await hub.start(host, port)
    _say(f"listening on {host}:{hub.port}")
    bridges = [SerialBridge(endpoint, host, hub.port, hub.counters, _say) for endpoint in endpoints]
    for bridge, endpoint in zip(bridges, endpoints, strict=True):
        bridge.opener.prepare()
        _say(f"serial {endpoint.text}: waiting at {bridge.opener.where}")
    tasks = [asyncio.create_task(bridge.run()) for bridge in bridges]
    if radio:
        tasks.append(asyncio.create_task(RealAir(*radio, host, hub.port, hub.counters, _say).run()))
    for task in tasks:
        # A bridge that ends by itself has failed.
        task.add_done_callback(lambda _: stop.set())
    if control:
        _watch_input(loop, hub)
    await stop.wait()
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    hub.close()
    typer.echo(f"ether: {json.dumps(dict(hub.counters))}")
    for result in results:
        if isinstance(result, Exception):
            raise result


def _watch_input(loop: asyncio.AbstractEventLoop, hub: Ether) -> None:
    descriptor = sys.stdin.fileno()
    pending = bytearray()

    def readable() -> None:
        chunk = os.read(descriptor, _MAX_LINE)
        if not chunk:
            # Whoever gave the commands has gone; the air stays.
            loop.remove_reader(descriptor)
            return
        pending.extend(chunk)
        *lines, rest = pending.split(b"\n")
        pending[:] = rest[:_MAX_LINE]
        for line in lines:
            typer.echo(execute(hub, line.decode(errors="replace")))
        sys.stdout.flush()

    try:
        loop.add_reader(descriptor, readable)
    except PermissionError:
        raise ValueError("--control reads a pipe or a terminal, not a file") from None
