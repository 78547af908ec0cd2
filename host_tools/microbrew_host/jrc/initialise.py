"""``jrc init``: a new registrar's directory with its key, certificate, configuration and database."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from microbrew_host.jrc import config, registrar
from microbrew_host.jrc.database import CURRENT, Database
from microbrew_host.jrc.rekey import new_key

CONFIG = "jrc.toml"
KEY = "registrar-key.pem"
CERTIFICATE = "registrar-cert.pem"
DATABASE = "jrc.sqlite"


@dataclass(frozen=True)
class NewManufacturer:
    """A manufacturer for the new configuration; its files are copied into the directory."""

    name: str
    ca: Path
    masa_trust: Path | None = None
    masa_url: str | None = None


@dataclass(frozen=True)
class Choices:
    """What goes into the new configuration. ``network_id`` is hexadecimal."""

    name: str
    network_id: str
    coap: str
    jpy: str
    jrc_address: str | None
    manufacturers: tuple[NewManufacturer, ...]


def create(
    directory: Path, choices: Choices, now: datetime.datetime, random: Callable[[int], bytes] = os.urandom
) -> None:
    """Make the directory, as a whole or not at all; ``random`` makes the keys.

    Raises ValueError, also if something is there already.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ValueError(f"{directory} is there already; nothing was changed")
    directory.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".part-", dir=directory.parent))
    try:
        _fill(work, choices, now, random)
        os.rename(work, directory)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _fill(directory: Path, choices: Choices, now: datetime.datetime, random: Callable[[int], bytes]) -> None:
    registrar.create(directory / KEY, directory / CERTIFICATE, choices.name, now, random)
    text = _toml(directory, choices)
    (directory / CONFIG).write_text(text, "utf-8")
    checked = config.load(directory / CONFIG)
    database = Database(checked.database)
    try:
        with database.transaction() as session:
            new_key(session, CURRENT, now.timestamp(), random)
    finally:
        database.close()


def _toml(directory: Path, choices: Choices) -> str:
    lines = [
        "# Configuration of the join registrar; docs/jrc.md explains every setting.",
        "",
        "[network]",
        f"id = {_string(choices.network_id)}",
    ]
    if choices.jrc_address is not None:
        lines.append(f"jrc_address = {_string(choices.jrc_address)}")
    lines += [
        "",
        "[listen]",
        f"coap = {_string(choices.coap)}",
        f"jpy = {_string(choices.jpy)}",
        "",
        "[registrar]",
        f"key = {_string(KEY)}",
        f"certificate = {_string(CERTIFICATE)}",
        "",
        "[database]",
        f"url = {_string('sqlite:///' + DATABASE)}",
    ]
    for number, manufacturer in enumerate(choices.manufacturers, 1):
        lines += ["", "[[manufacturer]]", f"name = {_string(manufacturer.name)}"]
        lines.append(f"ca = {_string(_copy(manufacturer.ca, directory, f'manufacturer-{number}-ca.pem'))}")
        if manufacturer.masa_url is not None:
            lines.append(f"masa_url = {_string(manufacturer.masa_url)}")
        if manufacturer.masa_trust is not None:
            copied = _copy(manufacturer.masa_trust, directory, f"manufacturer-{number}-masa-tls.pem")
            lines.append(f"masa_trust = {_string(copied)}")
    return "\n".join(lines) + "\n"


def _copy(source: Path, directory: Path, name: str) -> str:
    shutil.copyfile(source, directory / name)
    return name


def _string(text: str) -> str:
    if not text.isprintable():
        raise ValueError("settings must be printable text")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
