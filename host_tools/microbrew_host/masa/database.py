"""What the MASA remembers: the inventory of devices, its opinion of registrars, and the log.

One SQLite file in WAL mode with full synchronisation. Every transaction takes the write lock at its start, so
a decision and its log entry are one step for all processes: the factory adds devices while the MASA serves.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError

from microbrew_host.masa.bucket import CAPACITY, Bucket

SCHEMA_VERSION = 1

ALLOWED = "allowed"
DENIED = "denied"

# Outcomes in the log other than the reasons of a refusal.
ISSUED = "issued"
REPEATED = "repeated"
AUDIT_LOG = "audit-log"

# Anybody can make the MASA write refusals, so only the newest are kept. Issued vouchers stay for ever.
KEPT_OTHERS = 100_000
_PRUNE_EVERY = 1024

_METADATA = MetaData()

DEVICES = Table(
    "devices",
    _METADATA,
    Column("serial", String, primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("added_at", Integer, nullable=False),
    Column("denied", Boolean, nullable=False, default=False),
    Column("note", String, nullable=False, default=""),
    Column("credit", Integer, nullable=False, default=CAPACITY),
    Column("credit_at", Integer, nullable=False, default=0),
)

REGISTRARS = Table(
    "registrars",
    _METADATA,
    Column("fingerprint", LargeBinary, primary_key=True),
    Column("spki", LargeBinary),
    Column("standing", String, nullable=False),
    Column("note", String, nullable=False, default=""),
)

EVENTS = Table(
    "events",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("text", String, nullable=False, default=""),
    Column("source", String, nullable=False, default=""),
    Column("serial", String),
    Column("registrar", LargeBinary),
    Column("nonce", LargeBinary),
    Column("assertion", Integer),
    Column("join_process", String),
    Column("voucher", LargeBinary),
    Index("events_of_device", "serial", "outcome"),
    # Numbers are not given twice, so the log shows where entries were removed.
    sqlite_autoincrement=True,
)

COUNTERS = Table(
    "counters",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
)


def open_database(path: Path, create: bool = False) -> Engine:
    """Open the file, with ``create`` after making it (mode 0600). Raises ValueError with a sentence."""
    if create:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    elif not path.is_file():
        raise ValueError(f"{path} does not exist")
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 20}, max_overflow=64)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as tx:
            version = tx.exec_driver_sql("PRAGMA user_version").scalar_one()
            if create:
                _METADATA.create_all(tx)
                tx.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise ValueError(f"{path} has schema version {version}, not {SCHEMA_VERSION}")
    except DatabaseError as error:
        engine.dispose()
        raise ValueError(f"{path} cannot be used: {error.orig}") from None
    except ValueError:
        engine.dispose()
        raise
    return engine


def _configure(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: `_begin` does.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def reserve(tx: Connection, counter: str, count: int) -> int:
    """First of ``count`` numbers, starting at 1, that nobody else gets."""
    value = tx.scalar(select(COUNTERS.c.value).where(COUNTERS.c.name == counter))
    if value is None:
        tx.execute(insert(COUNTERS).values(name=counter, value=count))
        return 1
    tx.execute(update(COUNTERS).where(COUNTERS.c.name == counter).values(value=value + count))
    return int(value) + 1


def add_device(tx: Connection, serial: str, certificate: bytes, now: int) -> None:
    """Put a device with a full token bucket into the inventory. Raises IntegrityError for a known serial."""
    tx.execute(insert(DEVICES).values(serial=serial, certificate=certificate, added_at=now, credit_at=now))


def replace_device(tx: Connection, serial: str, certificate: bytes) -> None:
    """A known device has got a new key: its certificate from now on. What was decided about it stays."""
    tx.execute(update(DEVICES).where(DEVICES.c.serial == serial).values(certificate=certificate))


def device(tx: Connection, serial: str) -> Row[Any] | None:
    """The device of that serial number."""
    return tx.execute(select(DEVICES).where(DEVICES.c.serial == serial)).one_or_none()


def devices(tx: Connection) -> Iterable[Row[Any]]:
    """All devices with ``vouchers`` (how many were issued) and ``last_at``, by serial number."""
    issued = (EVENTS.c.serial == DEVICES.c.serial) & (EVENTS.c.outcome == ISSUED)
    return tx.execute(
        select(
            DEVICES,
            func.count(EVENTS.c.id).label("vouchers"),
            func.max(EVENTS.c.at).label("last_at"),
        )
        .outerjoin(EVENTS, issued)
        .group_by(DEVICES.c.serial)
        .order_by(DEVICES.c.serial)
    )


def set_denied(tx: Connection, serial: str, denied: bool, note: str) -> bool:
    """Deny or allow vouchers for a device. False if it is unknown."""
    change = update(DEVICES).where(DEVICES.c.serial == serial).values(denied=denied, note=note)
    return tx.execute(change).rowcount == 1


def set_bucket(tx: Connection, serial: str, bucket: Bucket) -> None:
    """Store a device's token bucket."""
    change = update(DEVICES).where(DEVICES.c.serial == serial)
    tx.execute(change.values(credit=bucket.credit, credit_at=bucket.at))


def registrar(tx: Connection, fingerprint: bytes) -> Row[Any] | None:
    """What was decided about the registrar key with that SHA-256 fingerprint."""
    return tx.execute(select(REGISTRARS).where(REGISTRARS.c.fingerprint == fingerprint)).one_or_none()


def registrars(tx: Connection) -> Iterable[Row[Any]]:
    """All registrar keys that something was decided about."""
    return tx.execute(select(REGISTRARS).order_by(REGISTRARS.c.standing, REGISTRARS.c.note))


def set_registrar(tx: Connection, fingerprint: bytes, spki: bytes | None, standing: str, note: str) -> None:
    """Allow or deny a registrar key; ``spki`` is its key where known."""
    known = registrar(tx, fingerprint)
    if known is not None:
        spki = spki or known.spki
        tx.execute(delete(REGISTRARS).where(REGISTRARS.c.fingerprint == fingerprint))
    tx.execute(insert(REGISTRARS).values(fingerprint=fingerprint, spki=spki, standing=standing, note=note))


def record(tx: Connection, **columns: Any) -> None:
    """Append to the log; ``columns`` as in EVENTS. Old entries that are not issued vouchers make room."""
    number = tx.execute(insert(EVENTS).values(**columns).returning(EVENTS.c.id)).scalar_one()
    if number % _PRUNE_EVERY == 0:
        others = select(EVENTS.c.id).where(EVENTS.c.outcome != ISSUED).order_by(EVENTS.c.id.desc())
        tx.execute(delete(EVENTS).where(EVENTS.c.id.in_(others.offset(KEPT_OTHERS))))


def vouchers(tx: Connection, serial: str) -> list[Row[Any]]:
    """The issued vouchers of a device, oldest first."""
    wanted = (EVENTS.c.serial == serial) & (EVENTS.c.outcome == ISSUED)
    return list(tx.execute(select(EVENTS).where(wanted).order_by(EVENTS.c.id)))


def earlier_voucher(
    tx: Connection, serial: str, registrar_print: bytes, nonce: bytes, join_process: str | None
) -> bytes | None:
    """The voucher that already answers this very request, if one does."""
    wanted = (
        (EVENTS.c.serial == serial)
        & (EVENTS.c.outcome == ISSUED)
        & (EVENTS.c.registrar == registrar_print)
        & (EVENTS.c.nonce == nonce)
        & (EVENTS.c.join_process.is_not_distinct_from(join_process))
    )
    return tx.scalar(select(EVENTS.c.voucher).where(wanted).order_by(EVENTS.c.id.desc()).limit(1))


def log(tx: Connection, serial: str | None, limit: int) -> list[Row[Any]]:
    """The newest ``limit`` entries, oldest first, of one device or of all."""
    query = select(EVENTS).order_by(EVENTS.c.id.desc()).limit(limit)
    if serial is not None:
        query = query.where(EVENTS.c.serial == serial)
    return list(reversed(tx.execute(query).all()))
