"""The registrar's memory: devices, CoJP contexts, link keys, rekeys, settings and the log, by SQLAlchemy.

SQLite by default, in WAL mode. A sequence number or replay window that a power cut takes back would repeat an AEAD
nonce, so every commit is on the disk when it returns, or, with ``group_sync``, when ``settled`` does. Whatever decides
something also writes its log entry, in one transaction. The schema is made at first use.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, BigInteger, Engine, ForeignKey, LargeBinary, String, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from microbrew_host.jrc.durability import GroupSync

ROLE_NODE = 0
ROLE_6LBR = 1

CURRENT = "current"
NEXT = "next"
RETIRED = "retired"

REQUESTED = "requested"
RUNNING = "running"
DONE = "done"


class DatabaseError(ValueError):
    """The database cannot be opened; one sentence."""


class Base(DeclarativeBase):
    """Root of the tables."""


class Device(Base):
    """A device that is known: by its IDevID, by an imported PSK, or because somebody denied it beforehand.

    ``eui64`` is the CoJP pledge identifier. ``short_address`` is given once and never to anybody else.
    ``state`` is one of new, voucher, enrolled, joined: how far it came.
    """

    __tablename__ = "devices"

    id: Mapped[int] = mapped_column(primary_key=True)
    serial: Mapped[str | None] = mapped_column(String(128), unique=True)
    eui64: Mapped[bytes | None] = mapped_column(LargeBinary(8), unique=True)
    short_address: Mapped[int | None] = mapped_column(unique=True)
    role: Mapped[int] = mapped_column(default=ROLE_NODE)
    state: Mapped[str] = mapped_column(String(16), default="new")
    manufacturer: Mapped[str | None] = mapped_column(String(128))
    denied: Mapped[str | None] = mapped_column(String(256))
    vouchers: Mapped[int] = mapped_column(default=0)
    address: Mapped[str | None] = mapped_column(String(128))
    port: Mapped[int | None]
    seen: Mapped[float | None]


class CojpContext(Base):
    """The persistent part of a CoJP OSCORE context (RFC 9031 section 7.3).

    ``next_sequence`` is the first sender sequence number that was never used; the replay window is the lowest
    number not ruled out and a bitmap from there on. A new PSK makes a new row, with numbers from zero unless it
    was in use here before (SpentKey).
    """

    __tablename__ = "cojp_contexts"
    # A row number that came round again would let a context of the old key go on with the numbers of the new one.
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), unique=True)
    eui64: Mapped[bytes] = mapped_column(LargeBinary(8), unique=True)
    psk: Mapped[bytes] = mapped_column(LargeBinary(32))
    next_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    replay_index: Mapped[int] = mapped_column(BigInteger, default=0)
    replay_bitmap: Mapped[int] = mapped_column(BigInteger, default=0)


class SpentKey(Base):
    """How far a CoJP key was used before it was taken away; ``check`` is a hash of it.

    A key from a factory may be imported again after a denial. Numbers from zero would then repeat nonces.
    """

    __tablename__ = "spent_keys"

    check: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    next_sequence: Mapped[int] = mapped_column(BigInteger)
    replay_index: Mapped[int] = mapped_column(BigInteger)
    replay_bitmap: Mapped[int] = mapped_column(BigInteger)


class LinkKey(Base):
    """A link-layer key of the network. ``state``: next while a rekey spreads it, then current, then retired."""

    __tablename__ = "link_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[int]
    usage: Mapped[int] = mapped_column(default=0)
    value: Mapped[bytes] = mapped_column(LargeBinary(16))
    state: Mapped[str] = mapped_column(String(16))
    created: Mapped[float]


class Rekey(Base):
    """A change of the link key: asked for by the command, done by the server."""

    __tablename__ = "rekeys"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16), default=REQUESTED)
    requested: Mapped[float]
    link_key_id: Mapped[int | None] = mapped_column(ForeignKey("link_keys.id"))


class RekeyResult(Base):
    """How one device took one rekey: result is ``ok`` or the reason why it missed it."""

    __tablename__ = "rekey_results"

    rekey_id: Mapped[int] = mapped_column(ForeignKey("rekeys.id"), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    result: Mapped[str] = mapped_column(String(256))


class Event(Base):
    """A line of the log: what happened to which device, in words for an installer."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[float]
    kind: Mapped[str] = mapped_column(String(32))
    serial: Mapped[str | None] = mapped_column(String(128))
    text: Mapped[str] = mapped_column(String(1024))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Setting(Base):
    """A number that has to survive, by name."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Database:
    """The tables of one registrar at an SQLAlchemy URL. Raises DatabaseError if it cannot be opened.

    ``group_sync``: an SQLite file's commits need not be durable before ``settled`` says so. Others' always are.
    """

    def __init__(self, url: str, group_sync: bool = False) -> None:
        self._group: GroupSync | None = None
        try:
            # What a failing statement says goes to logs and terminals, and its parameters are keys.
            self.engine: Engine = create_engine(url, hide_parameters=True)
            if self.engine.dialect.name == "sqlite":
                file = self.engine.url.database
                if file and file != ":memory:":
                    _make_private(Path(file))
                    if group_sync:
                        self._group = group = GroupSync(lambda: _sync(f"{file}-wal"))
                        event.listen(self.engine, "commit", lambda connection: _sqlite_commit(connection, group))
                event.listen(self.engine, "connect", self._sqlite_connect)
                event.listen(self.engine, "begin", _sqlite_begin)
            Base.metadata.create_all(self.engine)
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise DatabaseError(f"cannot open the database {_shown(url)}: {str(error).splitlines()[0]}") from None

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end, or rolls everything back if an exception passes through."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    async def settled(self) -> None:
        """Return when all that was committed by now would outlive a power cut. Raises OSError if it might not.

        To be awaited before anything is sent that rests on it.
        """
        if self._group is not None:
            await self._group.settled()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _sqlite_connect(self, connection: Any, _record: Any) -> None:
        # The driver would begin transactions late and only for writes; take that over, see _sqlite_begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        # NORMAL is FULL without the sync of the log at the end of each commit; checkpoints are as safe.
        level = "FULL" if self._group is None else "NORMAL"
        for pragma in ("journal_mode=WAL", f"synchronous={level}", "foreign_keys=ON", "busy_timeout=5000"):
            cursor.execute("PRAGMA " + pragma)
        cursor.close()


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "of the configuration"


def _make_private(path: Path) -> None:
    # The file holds PSKs and link keys, so nobody else may read it, from its first byte on.
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)


def _sqlite_begin(connection: Any) -> None:
    # Take the write lock at once: a read that later turns into a write could fail halfway under a second process.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _sqlite_commit(connection: Any, group: GroupSync) -> None:
    changes = connection.connection.total_changes
    # Most transactions only read. A connection's first may have made the tables, which is no change to the driver.
    if changes != connection.info.get("changes"):
        connection.info["changes"] = changes
        group.committed()


def _sync(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        # The log has been taken into the database, which was synchronised for that.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
