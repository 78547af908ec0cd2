"""``microbrew jrc``: make a registrar, run it, and look after its devices."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import select

from microbrew_host.jrc import initialise, manage, server
from microbrew_host.jrc.cojp import label
from microbrew_host.jrc.config import load
from microbrew_host.jrc.database import (
    DONE,
    ROLE_6LBR,
    CojpContext,
    Database,
    Device,
    Event,
    LinkKey,
    Rekey,
    RekeyResult,
)
from microbrew_host.jrc.journal import Journal
from microbrew_host.jrc.rekey import OK, request_rekey

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="The join registrar/coordinator."
)

Config = Annotated[Path, typer.Option("--config", help="The registrar's configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Name = Annotated[str, typer.Argument(metavar="DEVICE", help="Serial number or EUI-64.")]

DEFAULT_CONFIG = Path("jrc.toml")


@app.command()
def init(
    dir: Annotated[Path, typer.Argument(metavar="DIR", help="The new registrar's directory.")],
    network_id: Annotated[str, typer.Option(help="Network identifier in hex, usually the PAN ID.")] = "cafe",
    name: Annotated[str, typer.Option(help="Name in the registrar's certificate.")] = "registrar",
    coap: Annotated[str, typer.Option(help="ADDRESS:PORT for nodes.")] = "127.0.0.1:5683",
    jpy: Annotated[str, typer.Option(help="ADDRESS:PORT for join proxies.")] = "127.0.0.1:7634",
    jrc_address: Annotated[str | None, typer.Option(help="The registrar's IPv6 address in the mesh.")] = None,
    manufacturer: Annotated[
        list[Path] | None, typer.Option(help="A manufacturer's directory: trust its devices and its MASA.")
    ] = None,
) -> None:
    """Make a registrar: key, certificate, first link key, configuration."""
    makers = tuple(_manufacturer(path) for path in manufacturer or [])
    choices = initialise.Choices(name, network_id, coap, jpy, jrc_address, makers)
    initialise.create(dir, choices, datetime.now(UTC))
    print(f"{dir / initialise.CONFIG}: registrar of network {network_id}")


@app.command()
def serve(config: Config = DEFAULT_CONFIG) -> None:
    """Let devices in."""
    asyncio.run(server.serve(load(config), lambda line: print(line, flush=True)))


@app.command()
def add(
    config: Config = DEFAULT_CONFIG,
    eui64: Annotated[str | None, typer.Option(help="EUI-64 of one device.")] = None,
    psk_file: Annotated[Path | None, typer.Option(help="File with its key, 32 hex digits.")] = None,
    import_file: Annotated[Path | None, typer.Option("--import", help="A factory's list of devices and keys.")] = None,
    role: Annotated[str, typer.Option(help="node or 6lbr.")] = "node",
    short_address: Annotated[str | None, typer.Option(help="Its short address, 4 hex digits.")] = None,
) -> None:
    """Register devices that share a key from the factory (one-touch)."""
    if (eui64 is None) == (import_file is None) or (eui64 is None) != (psk_file is None):
        raise ValueError("give either --eui64 with --psk-file, or --import")
    if role not in manage.ROLES:
        raise ValueError("--role is node or 6lbr")
    if import_file is not None:
        devices = manage.read_import(import_file)
    else:
        assert eui64 is not None and psk_file is not None  # noqa: S101 - checked above, said for the type checker
        devices = [manage.OneTouch(manage.parse_eui64(eui64), manage.parse_psk(psk_file.read_text("ascii")))]
    if short_address is not None and len(devices) != 1:
        raise ValueError("--short-address is for one device")
    short = None if short_address is None else _hex16(short_address)
    with _open(config) as (database, journal):
        print(f"{manage.add(database, journal, devices, role, short)} devices registered")


@app.command()
def devices(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the devices and how far each came."""
    with _open(config) as (database, _), database.transaction() as session:
        rows = [_row(device) for device in session.scalars(select(Device).order_by(Device.id))]
    _show(rows, as_json)


@app.command()
def show(device: Name, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show one device and what happened to it."""
    with _open(config) as (database, _), database.transaction() as session:
        found = manage.find(session, device)
        if found is None:
            raise ValueError(f"{device} was never heard of")
        has_key = session.scalar(select(CojpContext.id).where(CojpContext.device_id == found.id)) is not None
        details = {**_row(found), "key": has_key, "manufacturer": found.manufacturer or "", "vouchers": found.vouchers}
        names = [name for name in (found.serial, found.eui64.hex() if found.eui64 else None) if name]
        query = select(Event).where(Event.serial.in_(names)).order_by(Event.id.desc()).limit(50)
        events = [_event(event) for event in reversed(list(session.scalars(query)))]
    if as_json:
        print(json.dumps({**details, "log": events}, indent=1))
        return
    table = Table(show_header=False)
    for key, value in details.items():
        table.add_row(key, Text(_plain(value)))
    Console().print(table)
    _show(events, False)


@app.command()
def deny(
    device: Name,
    config: Config = DEFAULT_CONFIG,
    reason: Annotated[str, typer.Option(help="Why; the log shows it at every attempt.")] = "by the operator",
) -> None:
    """Let a device in no more and take its key away."""
    with _open(config) as (database, journal):
        manage.deny(database, journal, device, reason)


@app.command()
def allow(device: Name, config: Config = DEFAULT_CONFIG) -> None:
    """Take a denial back."""
    with _open(config) as (database, journal):
        manage.allow(database, journal, device)


@app.command()
def log(
    config: Config = DEFAULT_CONFIG,
    device: Annotated[str | None, typer.Option(help="Only this serial number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000, help="How many of the newest entries.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what happened and why."""
    query = select(Event).order_by(Event.id.desc()).limit(limit)
    if device is not None:
        query = query.where(Event.serial == device)
    with _open(config) as (database, _), database.transaction() as session:
        rows = [_event(event) for event in reversed(list(session.scalars(query)))]
    _show(rows, as_json)


@app.command()
def rekey(
    config: Config = DEFAULT_CONFIG,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the server to finish.")] = 600.0,
    as_json: AsJson = False,
) -> None:
    """Give the network a new link key; exit status 1 if a node missed it."""
    with _open(config) as (database, journal):
        number = request_rekey(database, journal.clock())
        finished = _wait(database, number, timeout)
        with database.transaction() as session:
            key_row = session.get_one(Rekey, number).link_key_id
            key_id = None if key_row is None else session.get_one(LinkKey, key_row).key_id
            query = select(Device, RekeyResult.result).join(RekeyResult).where(RekeyResult.rekey_id == number)
            results = {label(found): result for found, result in session.execute(query)}
    missed = [name for name, result in results.items() if result != OK]
    if as_json:
        print(json.dumps({"finished": finished, "key_id": key_id, "nodes": results}, indent=1))
    else:
        _show([{"device": name, "result": result} for name, result in results.items()], False)
    if not finished:
        raise ValueError("the server has not finished; it goes on when it runs, `jrc log` shows how")
    if missed:
        raise typer.Exit(1)


def _wait(database: Database, number: int, timeout: float) -> bool:
    end = time.monotonic() + timeout
    while True:
        with database.transaction() as session:
            if session.get_one(Rekey, number).state == DONE:
                return True
        if time.monotonic() >= end:
            return False
        time.sleep(0.2)


@contextmanager
def _open(path: Path) -> Iterator[tuple[Database, Journal]]:
    database = Database(load(path).database)
    try:
        yield database, Journal(database)
    finally:
        database.close()


def _manufacturer(directory: Path) -> initialise.NewManufacturer:
    name = json.loads((directory / "manufacturer.json").read_text("utf-8"))["name"]
    return initialise.NewManufacturer(str(name), directory / "ca-cert.pem", directory / "tls-cert.pem")


def _hex16(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise ValueError(f"{text} is not a short address of 4 hex digits") from None


def _row(device: Device) -> dict[str, Any]:
    return {
        "serial": device.serial or "",
        "eui64": "" if device.eui64 is None else device.eui64.hex(),
        "short": "" if device.short_address is None else f"{device.short_address:04x}",
        "role": "6lbr" if device.role == ROLE_6LBR else "node",
        "state": device.state,
        "denied": device.denied or "",
        "address": "" if device.address is None else f"{device.address} {device.port}",
        "seen": _time(device.seen),
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "time": _time(event.time),
        "event": event.kind,
        "device": event.serial or "",
        "text": event.text,
        "detail": event.detail,
    }


def _time(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _plain(value: Any) -> str:
    text = " ".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    if not rows:
        print("nothing yet")
        return
    table = Table(*rows[0])
    for row in rows:
        # Texts of devices: no markup, no control characters.
        table.add_row(*(Text(_plain(value)) for value in row.values()))
    Console().print(table)
