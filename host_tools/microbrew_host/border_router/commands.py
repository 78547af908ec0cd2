"""``microbrew border-router``: the arguments of process.py."""

from __future__ import annotations

from ipaddress import IPv6Network
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise typer.BadParameter("HOST:PORT is wanted")
    return host, int(port)


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise typer.BadParameter("a number is wanted, such as 0xcafe") from None


def _prefix(text: str) -> bytes:
    try:
        network = IPv6Network(text)
    except ValueError:
        network = None
    if network is None or network.prefixlen != 64:
        raise typer.BadParameter("a /64 is wanted, such as fd00:6d62::/64")
    return network.network_address.packed[:8]


@app.command()
def run(
    store: Annotated[Path, typer.Option(help="Store with the border router's one-touch identity.", exists=True)],
    jrc: Annotated[str, typer.Option(help="HOST:PORT of the registrar's CoAP socket.")],
    jpy: Annotated[str, typer.Option(help="HOST:PORT of the registrar's join-port (JPY).")],
    ether: Annotated[str | None, typer.Option(help="HOST:PORT of the ether (ZEP over UDP).")] = None,
    radio: Annotated[
        str | None, typer.Option(help="Instead of an ether: serial:PATH or tcp:HOST:PORT of a radio behind a line.")
    ] = None,
    line_ms: Annotated[
        int, typer.Option(help="Longest way of a frame to a --radio, and of its acknowledgement back.", min=1, max=5000)
    ] = 30,
    pan: Annotated[str, typer.Option(help="PAN id.")] = "0xcafe",
    channel: Annotated[int, typer.Option(help="Radio channel.", min=11, max=26)] = 15,
    network_id: Annotated[str, typer.Option(help="Network identifier in hex; by default the PAN id.")] = "",
    prefix: Annotated[str, typer.Option(help="Prefix of the mesh.")] = "fd00:6d62::/64",
    jpy_mesh_port: Annotated[
        int | None, typer.Option(help="The registrar's join-port as the mesh sees it; by default that of --jpy.")
    ] = None,
    beacon_ms: Annotated[int, typer.Option(help="Beacon interval in ms.", min=100)] = 2000,
    lifetime: Annotated[int, typer.Option(help="Lifetime of a route in units.", min=1, max=254)] = 2,
    lifetime_unit: Annotated[int, typer.Option(help="Seconds in a unit.", min=1, max=65535)] = 60,
    proxy_priority: Annotated[int, typer.Option(help="0 most willing .. 126.", min=0, max=126)] = 0,
) -> None:
    """Connect the mesh to the registrar: DODAG root, join proxy and UDP translation."""
    # Imported here so that --help does not wait for the radio and the crypto.
    from microbrew_host.border_router.mesh import Settings
    from microbrew_host.border_router.process import Process
    from microbrew_host.border_router.radio import opener
    from microbrew_host.border_router.uplink import resolve

    if (ether is None) == (radio is None):
        raise typer.BadParameter("one of --ether and --radio is wanted")
    open_radio = opener(None if ether is None else _address(ether), radio, line_ms)
    pan_id = _number(pan)
    join_socket = resolve(_address(jpy))
    settings = Settings(
        pan_id=pan_id,
        channel=channel,
        coap=resolve(_address(jrc)),
        jpy=join_socket,
        network_id=bytes.fromhex(network_id or f"{pan_id:04x}"),
        prefix=_prefix(prefix),
        jpy_mesh_port=jpy_mesh_port or join_socket[1],
        beacon_ms=beacon_ms,
        proxy_priority=proxy_priority,
        lifetime=lifetime,
        lifetime_unit=lifetime_unit,
    )
    Process(store, open_radio, settings).run()
