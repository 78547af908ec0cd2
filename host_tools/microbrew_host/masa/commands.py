"""``microbrew masa``: serve, and look after devices, registrars and the log."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from microbrew_host.masa import database, directory, server
from microbrew_host.voucher import fingerprint, spki
from microbrew_host.voucher.data import ASSERTIONS
from microbrew_host.voucher.keys import load_public_key

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="The manufacturer's voucher service."
)

Dir = Annotated[Path, typer.Option("--dir", help="The manufacturer's directory.")]
Note = Annotated[str, typer.Option(help="Why; kept with the decision.")]
Registrar = Annotated[str, typer.Argument(help="Certificate or public key file, or the SHA-256 of its SPKI in hex.")]


@app.command()
def serve(
    dir: Dir,
    listen: Annotated[str, typer.Option(help="HOST:PORT; port 0 is any free one.")] = "127.0.0.1:9443",
) -> None:
    """Answer voucher and audit log requests over HTTPS."""
    host, port = _address(listen)
    server.serve(dir, host, port, lambda url: print(f"masa: listening on {url}", flush=True))


@app.command()
def devices(dir: Dir, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the devices that were made, and how many vouchers each got."""
    with _database(dir) as tx:
        rows = [
            {
                "serial": row.serial,
                "added": _time(row.added_at),
                "vouchers": row.vouchers,
                "last": _time(row.last_at),
                "denied": bool(row.denied),
                "note": row.note,
            }
            for row in database.devices(tx)
        ]
    _show(rows, as_json)


@app.command()
def log(
    dir: Dir,
    serial: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest entries.")] = 50,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show what was issued and what was refused, and why."""
    with _database(dir) as tx:
        rows = [
            {
                "time": _time(row.at),
                "outcome": row.outcome,
                "serial": row.serial or "",
                "registrar": row.registrar.hex() if row.registrar else "",
                "nonce": row.nonce.hex() if row.nonce else "",
                "assertion": "" if row.assertion is None else ASSERTIONS[row.assertion],
                "join": row.join_process or "",
                "source": row.source,
                "text": row.text,
            }
            for row in database.log(tx, serial, limit)
        ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for entry in rows:
        print(_plain(_log_line(entry)))


@app.command("deny-device")
def deny_device(serial: str, dir: Dir, note: Note = "") -> None:
    """Issue no more vouchers for a device, for instance a stolen one."""
    _set_device(dir, serial, True, note)


@app.command("allow-device")
def allow_device(serial: str, dir: Dir, note: Note = "") -> None:
    """Take a device off the deny list."""
    _set_device(dir, serial, False, note)


@app.command("deny-registrar")
def deny_registrar(registrar: Registrar, dir: Dir, note: Note = "") -> None:
    """Refuse every request signed by a registrar key."""
    _set_registrar(dir, registrar, database.DENIED, note)


@app.command("allow-registrar")
def allow_registrar(registrar: Registrar, dir: Dir, note: Note = "") -> None:
    """Let a registrar key ask for nonceless vouchers, which need no device that answers."""
    _set_registrar(dir, registrar, database.ALLOWED, note)


@app.command()
def registrars(dir: Dir, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the registrar keys that are allowed or denied."""
    with _database(dir) as tx:
        rows = [
            {"registrar": row.fingerprint.hex(), "standing": row.standing, "note": row.note}
            for row in database.registrars(tx)
        ]
    _show(rows, as_json)


def _set_device(path: Path, serial: str, denied: bool, note: str) -> None:
    with _database(path) as tx:
        if not database.set_denied(tx, serial, denied, note):
            raise ValueError(f"no device with the serial number {serial} was made here")
    print(f"{serial}: {'denied' if denied else 'allowed'}")


def _set_registrar(path: Path, registrar: str, standing: str, note: str) -> None:
    digest, key = _registrar(registrar)
    with _database(path) as tx:
        database.set_registrar(tx, digest, key, standing, note)
    print(f"{digest.hex()}: {standing}")


def _registrar(text: str) -> tuple[bytes, bytes | None]:
    """Fingerprint and, of a file, the SPKI."""
    try:
        digest = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        digest = b""
    if len(digest) == 32:
        return digest, None
    key = spki(load_public_key(Path(text)))
    return fingerprint(key), key


@contextmanager
def _database(path: Path) -> Iterator[Connection]:
    engine = database.open_database(directory.require(path) / directory.DATABASE)
    try:
        with engine.begin() as tx:
            yield tx
    finally:
        engine.dispose()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise ValueError(f"{text} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _time(seconds: int | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _log_line(entry: dict[str, str]) -> str:
    """One entry as a sentence; the registrar by the start of its fingerprint, which --json has whole."""
    parts = [entry["time"], entry["outcome"]]
    if entry["serial"]:
        parts.append(f"device {entry['serial']}")
    if entry["registrar"]:
        parts.append(f"registrar {entry['registrar'][:16]}")
    if entry["source"]:
        parts.append(f"at {entry['source']}")
    reason = " ".join(part for part in (entry["assertion"], entry["join"], entry["text"]) if part)
    return " ".join(parts) + (f": {reason}" if reason else "")


def _plain(text: str) -> str:
    # Serial numbers of refused requests are a stranger's text; control characters would reach the terminal.
    return "".join(c if c.isprintable() else "?" for c in text)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    if not rows:
        print("nothing yet")
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        # Serial numbers and fingerprints are copied from here, so they stay in one piece.
        table.add_column(name, overflow="fold", no_wrap=name in ("serial", "registrar"))
    for row in rows:
        table.add_row(*(Text(_plain(str(value))) for value in row.values()))
    Console().print(table)
