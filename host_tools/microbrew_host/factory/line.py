"""The production line: identities into device stores and into the inventory that the MASA reads.

One device is made in three steps: its store is filled under a name that nothing looks at, the store gets its
real name (atomic), the device is registered. A run cut between the last two steps leaves a whole store that is
not registered; the next run into the same directory registers it first. So there is never half a device.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sqlalchemy import Engine

from microbrew.identity.store import Store
from microbrew_host.factory import certificates, eui64
from microbrew_host.factory.manufacturer import Manufacturer
from microbrew_host.masa import database
from microbrew_host.voucher import idevid
from microbrew_host.voucher.keys import generate, scalar

RECORD = "factory"
SERIAL, EUI64, CERTIFICATE, PRIVATE_KEY, MASA_SPKI, PSK = 1, 2, 3, 4, 5, 6

# One JSON object a line, {"eui64", "serial", "psk"}: what a registrar imports for one-touch joining.
ONE_TOUCH_LIST = "one-touch.jsonl"
PSK_LENGTH = 16

_PART = ".part-"


@dataclass(frozen=True)
class Order:
    """A device to make."""

    eui64: bytes
    serial: str

    @classmethod
    def of(cls, address: bytes) -> "Order":
        """With the EUI-64 as serial number, which is what binds the CoJP pledge identifier to the IDevID."""
        return cls(address, eui64.text(address))

    @property
    def name(self) -> str:
        """Name of the store directory."""
        return eui64.text(self.eui64)


class Line:
    """A production line of ``manufacturer`` that puts stores into the directory ``out``; ``random`` makes the keys."""

    def __init__(
        self,
        manufacturer: Manufacturer,
        engine: Engine,
        out: Path,
        one_touch: bool,
        random: certificates.Random = os.urandom,
    ) -> None:
        self._manufacturer = manufacturer
        self._engine = engine
        self._out = out
        self._one_touch = one_touch
        self._random = random
        out.mkdir(parents=True, exist_ok=True)
        self._recover()

    def next_orders(self, count: int) -> list[Order]:
        """``count`` devices with the next free EUI-64s of the manufacturer's block."""
        return next_orders(self._manufacturer, self._engine, count, lambda order: self._path(order).exists())

    def missing(self, orders: list[Order]) -> list[Order]:
        """Those of ``orders`` whose stores are not in ``out`` yet.

        Raises ValueError if one of them was made elsewhere: its certificate would get a second key.
        """
        open_orders = [order for order in orders if not self._path(order).exists()]
        if not self._one_touch:
            with self._engine.begin() as tx:
                known = [o.serial for o in open_orders if database.device(tx, o.serial) is not None]
            if known:
                raise ValueError(f"{known[0]} was made before and its store is not in {self._out}")
        return open_orders

    def make(self, orders: list[Order], now: datetime) -> Iterator[tuple[Order, dict[int, Any]]]:
        """Make devices one by one; yields each with its record when it is complete."""
        with self._engine.begin() as tx:
            first_number = database.reserve(tx, "certificate", len(orders)) if orders else 0
        for number, order in enumerate(orders, first_number):
            record = self._one_touch_record(order) if self._one_touch else self._record(order, number, now)
            self._store(order, record)
            self._register(record, now)
            yield order, record

    def _record(self, order: Order, number: int, now: datetime) -> dict[int, Any]:
        key = generate(self._random)
        certificate = self._manufacturer.issue(key.public_key(), number, order.serial, now)
        return {
            SERIAL: order.serial,
            EUI64: order.eui64,
            CERTIFICATE: certificate.public_bytes(serialization.Encoding.DER),
            PRIVATE_KEY: scalar(key),
            MASA_SPKI: self._manufacturer.masa_spki,
        }

    def _one_touch_record(self, order: Order) -> dict[int, Any]:
        return {SERIAL: order.serial, EUI64: order.eui64, PSK: self._random(PSK_LENGTH)}

    def _store(self, order: Order, record: dict[int, Any]) -> None:
        part = self._out / (_PART + order.name)
        part.mkdir(mode=0o700)
        Store(str(part)).write(RECORD, record)
        (part / RECORD).chmod(0o600)
        os.rename(part, self._path(order))
        _sync_directory(self._out)

    def _register(self, record: dict[int, Any], now: datetime) -> None:
        if CERTIFICATE in record:
            with self._engine.begin() as tx:
                database.add_device(tx, record[SERIAL], record[CERTIFICATE], int(now.timestamp()))
        else:
            line = {"eui64": eui64.text(record[EUI64]), "serial": record[SERIAL], "psk": record[PSK].hex()}
            append_line(self._out / ONE_TOUCH_LIST, line)

    def _path(self, order: Order) -> Path:
        return self._out / order.name

    def _recover(self) -> None:
        """Clear away stores that were never finished, register those that were finished but not registered."""
        names = []
        for entry in self._out.iterdir():
            if entry.name.startswith(_PART):
                shutil.rmtree(entry)
            elif entry.is_dir() and _is_eui64(entry.name):
                names.append(entry.name)
        listed = {line["eui64"] for line in read_lines(self._out / ONE_TOUCH_LIST)}
        with self._engine.begin() as tx:
            # A store whose serial number is its name and is in the inventory needs no reading.
            unknown = [name for name in names if name not in listed and database.device(tx, name) is None]
        for name in sorted(unknown):
            self._adopt(name)

    def _adopt(self, name: str) -> None:
        record = Store(str(self._out / name)).read(RECORD)
        if not isinstance(record, dict):
            return
        if CERTIFICATE in record:
            with self._engine.begin() as tx:
                known = database.device(tx, record[SERIAL]) is not None
            if known or not self._manufacturer.issued(record[CERTIFICATE]):
                return
        elif PSK not in record:
            return
        self._register(record, datetime.now(UTC))


def next_orders(
    manufacturer: Manufacturer, engine: Engine, count: int, taken: Callable[[Order], bool] = lambda _: False
) -> list[Order]:
    """``count`` devices with the next EUI-64s of the manufacturer's block that are not in its inventory nor taken."""
    first = eui64.parse(manufacturer.settings.first_eui64)
    orders: list[Order] = []
    with engine.begin() as tx:
        while len(orders) < count:
            order = Order.of(eui64.plus(first, database.reserve(tx, "eui64", 1) - 1))
            if database.device(tx, order.serial) is None and not taken(order):
                orders.append(order)
    return orders


def orders_from(first: bytes, count: int) -> list[Order]:
    """``count`` devices with consecutive EUI-64s."""
    return [Order.of(eui64.plus(first, number)) for number in range(count)]


def append_line(path: Path, line: dict[str, str]) -> None:
    """Add a line to a list that only its owner can read, durably."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "ab") as file:
        file.write(json.dumps(line).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> Iterable[dict[str, str]]:
    """The whole lines of such a list; none if there is no list. Raises ValueError."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        # A power cut tore the last line; its device is still to be registered.
        os.truncate(path, whole)
    try:
        return [json.loads(line) for line in data[:whole].splitlines()]
    except ValueError:
        raise ValueError(f"{path} has a line that is not JSON") from None


def certificate_of(record: dict[int, Any]) -> x509.Certificate | None:
    """The IDevID of a ``factory`` record. Raises VoucherError."""
    return idevid.load(record[CERTIFICATE]) if CERTIFICATE in record else None


def _is_eui64(name: str) -> bool:
    try:
        return eui64.text(eui64.parse(name)) == name
    except ValueError:
        return False


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
