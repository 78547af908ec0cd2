"""``microbrew factory``: make a manufacturer, make devices, look at a device."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from microbrew_host.factory import certificates, eui64, manufacturer
from microbrew_host.factory.inspect import describe
from microbrew_host.factory.line import CERTIFICATE, ONE_TOUCH_LIST, Line, Order, orders_from
from microbrew_host.masa import directory
from microbrew_host.masa.database import open_database

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Make device identities.")

MAX_COUNT = 1_000_000


class Key(StrEnum):
    """Where the private key of a board is made."""

    ON_DEVICE = "on-device"
    HERE = "here"


Dir = Annotated[Path, typer.Argument(metavar="DIR", help="The manufacturer's directory.")]


@app.command()
def init(
    dir: Dir,
    name: Annotated[str, typer.Option(help="Goes into every certificate, so keep it short.")],
    masa_url: Annotated[str, typer.Option(help="HOST:PORT or https URL.")] = "localhost:9443",
    mud_url: Annotated[str | None, typer.Option(help="https URL of the devices' MUD file.")] = None,
    tls_name: Annotated[list[str] | None, typer.Option(help="More names of the MASA's host.")] = None,
    hardware_type: Annotated[str, typer.Option(help="OID of hwType (RFC 4108).")] = certificates.EXAMPLE_HARDWARE_TYPE,
    first_eui64: Annotated[
        str, typer.Option(help="Where automatic numbering of devices starts.")
    ] = manufacturer.DEFAULT_FIRST_EUI64,
) -> None:
    """Make a manufacturer: authority, MASA keys, HTTPS certificate, empty inventory."""
    settings = manufacturer.Settings(name, masa_url, mud_url, hardware_type, first_eui64)
    manufacturer.create(dir, settings, tls_name or [], datetime.now(UTC))
    print(f"{dir}: manufacturer {name}")
    print(f"registrars need: {dir / manufacturer.CA_CERTIFICATE} {dir / directory.TLS_CERTIFICATE}")


@app.command()
def provision(
    dir: Dir,
    out: Annotated[Path | None, typer.Option(help="Directory for the stores, one per device.")] = None,
    count: Annotated[int | None, typer.Option(min=1, max=MAX_COUNT, help="How many devices.")] = None,
    first: Annotated[str | None, typer.Option(help="EUI-64 of the first of --count devices.")] = None,
    eui64_list: Annotated[list[str] | None, typer.Option("--eui64", help="EUI-64 of one device.")] = None,
    serial: Annotated[
        str | None, typer.Option(help="Serial number of the one --eui64, if it is not the EUI-64 itself.")
    ] = None,
    one_touch: Annotated[bool, typer.Option(help="A pre-shared key instead of an IDevID.")] = False,
    target: Annotated[
        str | None, typer.Option(help="Instead of --out: a board, as a serial port or the name of an emulated one.")
    ] = None,
    flash: Annotated[Path | None, typer.Option(help="What keeps the store of an emulated --target.")] = None,
    key: Annotated[
        Key | None, typer.Option(help="Where the key of a --target is made; on the device if it can.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="A new key for a --target that has an identity.")] = False,
) -> None:
    """Make devices. Repeated with the same --eui64 or --first, it makes only what is missing.

    With --target, make a board one of them over its serial line. Repeated, it changes nothing.
    """
    if (out is None) == (target is None):
        raise ValueError("give either --out for stores in files, or --target for a board")
    if target is None and (flash is not None or key is not None or replace):
        raise ValueError("--flash, --key and --replace are for a --target")
    if target is not None and (one_touch or count is not None or first is not None or len(eui64_list or []) > 1):
        raise ValueError("a --target becomes one device with an IDevID, of one --eui64 at most")
    maker = manufacturer.Manufacturer.load(dir)
    engine = open_database(dir / directory.DATABASE)
    try:
        if target is not None:
            order = _one_order(eui64_list or [], serial)
            _provision_board(target, flash, maker, engine, order, key, replace)
            return
        assert out is not None  # noqa: S101 - said for the type checker
        line = Line(maker, engine, out, one_touch)
        _run(line, _orders(line, count, first, eui64_list or [], serial), out, one_touch)
    finally:
        engine.dispose()


@app.command()
def inspect(store: Annotated[Path, typer.Argument(help="A device's store directory.")]) -> None:
    """Show a device's identity and whether it has joined; never its keys."""
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in describe(store):
        table.add_row(name, Text(value))
    Console().print(table)


def _one_order(addresses: list[str], serial: str | None) -> Order | None:
    if not addresses:
        if serial is not None:
            raise ValueError("--serial needs an --eui64")
        return None
    address = eui64.parse(addresses[0])
    return Order.of(address) if serial is None else Order(address, certificates.check_serial(serial))


def _provision_board(
    name: str,
    flash: Path | None,
    maker: manufacturer.Manufacturer,
    engine: Engine,
    order: Order | None,
    key: Key | None,
    replace: bool,
) -> None:
    # Boards need packages that the rest does not.
    from microbrew_host.board.target import STORE, open_target
    from microbrew_host.factory.provision import describe as sentence
    from microbrew_host.factory.provision import provision as provision_over
    from microbrew_host.factory.wire import Wire

    with open_target(name, flash) as board, board.repl() as repl:
        outcome = provision_over(
            Wire(repl, STORE),
            maker,
            engine,
            order,
            key_on_device=None if key is None else key is Key.ON_DEVICE,
            replace=replace,
            chip=board.numbered,
            now=datetime.now(UTC),
        )
    print(f"{name} {sentence(outcome)}")


def _orders(line: Line, count: int | None, first: str | None, addresses: list[str], serial: str | None) -> list[Order]:
    if addresses and (count is not None or first is not None):
        raise ValueError("give either --eui64, or --count with or without --first")
    if serial is not None:
        if len(addresses) != 1:
            raise ValueError("--serial needs exactly one --eui64")
        return [Order(eui64.parse(addresses[0]), certificates.check_serial(serial))]
    if addresses:
        return [Order.of(address) for address in dict.fromkeys(map(eui64.parse, addresses))]
    if first is not None:
        return orders_from(eui64.parse(first), count or 1)
    return line.next_orders(count or 1)


def _run(line: Line, orders: list[Order], out: Path, one_touch: bool) -> None:
    missing = line.missing(orders)
    sizes = set()
    made = 0
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("devices", total=len(missing))
            for _order, record in line.make(missing, datetime.now(UTC)):
                made += 1
                sizes.add(len(record.get(CERTIFICATE, b"")))
                progress.advance(task)
    except KeyboardInterrupt:
        left = len(missing) - made
        if left:
            print(f"interrupted; to go on: --first {missing[made].name} --count {left}")
        raise
    print(f"{out}: {made} made, {len(orders) - len(missing)} were there")
    if one_touch:
        print(f"registrars import: {out / ONE_TOUCH_LIST}")
    elif sizes:
        print(f"IDevID certificates: {min(sizes)} to {max(sizes)} bytes")
