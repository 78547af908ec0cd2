"""The registrar's configuration: a TOML file, checked as a whole before anything starts.

Every mistake is reported with its place in the file. Paths are relative to the file. docs/jrc.md explains each
setting.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REFUSE = "refuse"
WARN = "warn"


class ConfigError(ValueError):
    """One sentence that says which setting is wrong and how."""


@dataclass(frozen=True)
class Address:
    """Where a UDP socket binds."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Manufacturer:
    """A manufacturer whose devices are expected.

    ``ca`` issues its IDevIDs. ``masa_url`` replaces the address inside the IDevID, ``masa_trust`` is what the
    MASA's TLS certificate has to chain to (the system's roots if None).
    """

    name: str
    ca: Path
    masa_url: str | None = None
    masa_trust: Path | None = None


@dataclass(frozen=True)
class Limits:
    """Bounds on what is remembered and done for peers; times in seconds, rates per second."""

    edhoc_sessions: int = 64
    edhoc_lifetime: float = 60.0
    edhoc_per_peer: int = 2
    edhoc_rate: float = 2.0
    edhoc_burst: float = 16.0
    onboarding_contexts: int = 256
    onboarding_per_device: int = 2
    onboarding_lifetime: float = 600.0
    datagram_rate: float = 200.0
    datagram_burst: float = 400.0
    requests: int = 128


@dataclass(frozen=True)
class Policy:
    """What to do about an audit log that shows strangers: ``refuse`` or ``warn``."""

    unknown_domain: str = REFUSE
    nonceless: str = REFUSE
    unavailable: str = REFUSE
    known_domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """Everything ``jrc serve`` needs to know."""

    network_id: bytes
    coap: Address
    jpy: Address
    key: Path
    certificate: Path
    database: str
    jrc_address: bytes | None = None
    mesh_jpy_port: int | None = None
    join_rate: int | None = None
    ack_timeout: float = 10.0
    masa_timeout: float = 10.0
    limits: Limits = field(default_factory=Limits)
    policy: Policy = field(default_factory=Policy)
    manufacturers: tuple[Manufacturer, ...] = ()


def load(path: Path) -> Config:
    """Read and check a configuration file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return _config(_Table(table, ""), path.resolve().parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


class _Table:
    """A TOML table that knows its place and which settings nobody asked for."""

    def __init__(self, values: dict[str, Any], place: str) -> None:
        self._values = dict(values)
        self._place = place

    def name(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = None, required: bool = False) -> Any:
        if key not in self._values:
            if required:
                raise ConfigError(f"{self.name(key)} is missing")
            return default
        value = self._values.pop(key)
        wrong_bool = isinstance(value, bool) and kind is not bool
        if wrong_bool or not isinstance(value, kind):
            raise ConfigError(f"{self.name(key)} has the wrong type")
        return value

    def table(self, key: str) -> _Table:
        return _Table(self.take(key, dict, {}), self.name(key))

    def done(self) -> None:
        for key in self._values:
            raise ConfigError(f"{self.name(key)} is not a setting")


def _config(top: _Table, base: Path) -> Config:
    network = top.table("network")
    listen = top.table("listen")
    registrar = top.table("registrar")
    database = top.table("database")
    cojp = top.table("cojp")
    masa = top.table("masa")
    config = Config(
        network_id=_network_id(network),
        jrc_address=_mesh_address(network),
        mesh_jpy_port=_port_or_none(network, "jpy_port"),
        coap=_listen(listen, "coap", "127.0.0.1:5683"),
        jpy=_listen(listen, "jpy", "127.0.0.1:7634"),
        key=_file(registrar, "key", base),
        certificate=_file(registrar, "certificate", base),
        database=_database(database, base),
        join_rate=_join_rate(cojp),
        ack_timeout=_positive(cojp, "ack_timeout", 10.0),
        masa_timeout=_positive(masa, "timeout", 10.0),
        limits=_limits(top.table("limits")),
        policy=_policy(top.table("policy")),
        manufacturers=_manufacturers(top, base),
    )
    for table in (network, listen, registrar, database, cojp, masa, top):
        table.done()
    return config


def _network_id(table: _Table) -> bytes:
    text = table.take("id", str, required=True)
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise ConfigError(f'{table.name("id")} must be hexadecimal, like "cafe"') from None
    if not 1 <= len(value) <= 16:
        raise ConfigError(f"{table.name('id')} must be 1 to 16 bytes")
    return value


def _mesh_address(table: _Table) -> bytes | None:
    text = table.take("jrc_address", str)
    if text is None:
        return None
    try:
        return ipaddress.IPv6Address(text).packed
    except ValueError:
        raise ConfigError(f"{table.name('jrc_address')} must be an IPv6 address") from None


def _port_or_none(table: _Table, key: str) -> int | None:
    port = table.take(key, int)
    if port is not None and not 1 <= port <= 65535:
        raise ConfigError(f"{table.name(key)} must be a UDP port")
    return port


def _listen(table: _Table, key: str, default: str) -> Address:
    text = table.take(key, str, default)
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ConfigError(f"{table.name(key)} must be ADDRESS:PORT with a numeric address") from None
    if not separator or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{table.name(key)} must end in :PORT")
    return Address(host, int(port))


def _file(table: _Table, key: str, base: Path, required: bool = True) -> Path:
    text = table.take(key, str, required=required)
    path = base / text
    if not path.is_file():
        raise ConfigError(f"{table.name(key)}: there is no file {path}")
    return path


def _database(table: _Table, base: Path) -> str:
    url = table.take("url", str, "sqlite:///jrc.sqlite")
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith(prefix + "/") and ":memory:" not in url:
        return prefix + str(base / url.removeprefix(prefix))
    return url


def _join_rate(table: _Table) -> int | None:
    rate = table.take("join_rate", int)
    if rate is not None and rate < 0:
        raise ConfigError(f"{table.name('join_rate')} must not be negative")
    return rate


def _positive(table: _Table, key: str, default: float) -> float:
    value = float(table.take(key, (int, float), default))
    if not 0 < value < 1e6:
        raise ConfigError(f"{table.name(key)} must be positive")
    return value


def _limits(table: _Table) -> Limits:
    standard = Limits()
    values: dict[str, Any] = {}
    for name, default in vars(standard).items():
        value = table.take(name, int if isinstance(default, int) else (int, float), default)
        if not 0 < value < 1e9:
            raise ConfigError(f"{table.name(name)} must be positive and below a thousand million")
        values[name] = value
    table.done()
    return Limits(**values)


def _policy(table: _Table) -> Policy:
    words = {name: _choice(table, name) for name in ("unknown_domain", "nonceless", "unavailable")}
    known = tuple(_strings(table.take("known_domains", list, []), table.name("known_domains")))
    table.done()
    return Policy(known_domains=known, **words)


def _choice(table: _Table, key: str) -> str:
    value = table.take(key, str, REFUSE)
    if value not in (REFUSE, WARN):
        raise ConfigError(f'{table.name(key)} must be "{REFUSE}" or "{WARN}"')
    return str(value)


def _strings(values: Iterable[Any], place: str) -> Iterable[str]:
    for value in values:
        if not isinstance(value, str):
            raise ConfigError(f"{place} must be a list of texts")
        yield value


def _manufacturers(top: _Table, base: Path) -> tuple[Manufacturer, ...]:
    out: list[Manufacturer] = []
    for index, entry in enumerate(top.take("manufacturer", list, [])):
        if not isinstance(entry, dict):
            raise ConfigError("manufacturer must be written as [[manufacturer]]")
        table = _Table(entry, f"manufacturer[{index}]")
        name = table.take("name", str, required=True)
        # Devices and trust are filed by this name.
        if not name or not name.isprintable() or len(name) > 128 or any(name == other.name for other in out):
            raise ConfigError(f"{table.name('name')} must be a text of 1 to 128 characters that no other has")
        url = table.take("masa_url", str)
        if url is not None and "://" in url and not url.startswith("https://"):
            raise ConfigError(f"{table.name('masa_url')} must be an https address")
        out.append(
            Manufacturer(
                name=name,
                ca=_file(table, "ca", base),
                masa_url=url,
                masa_trust=_file(table, "masa_trust", base) if "masa_trust" in entry else None,
            )
        )
        table.done()
    return tuple(out)
