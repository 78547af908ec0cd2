"""The log: what happened and why, kept in the database and shown as one line on stderr. Never a key or a payload."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from microbrew_host.jrc.database import Database, Event

MAX_EVENTS = 100_000

_TRIM_EVERY = 1_000


def printable(text: str, limit: int = 200) -> str:
    """``text`` cut to ``limit`` characters, with everything that could fool a terminal or a log reader replaced."""
    return "".join(c if c.isprintable() else "?" for c in text[:limit])


class Journal:
    """Writes log entries; ``clock`` gives seconds since 1970, ``line`` takes each as a line of text as well."""

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.time, line: Callable[[str], None] | None = None
    ) -> None:
        self._database = database
        self.clock = clock
        self.line = show if line is None else line
        self._written = 0

    def write(
        self, kind: str, text: str, serial: str | None = None, session: Session | None = None, **detail: Any
    ) -> None:
        """Log one event; within ``session`` if given, so that it is kept only if what it tells of is kept."""
        text = printable(text, 1000)
        serial = None if serial is None else printable(serial, 128)
        entry = Event(time=self.clock(), kind=kind, serial=serial, text=text, detail=detail)
        if session is not None:
            self._add(session, entry)
        else:
            with self._database.transaction() as own:
                self._add(own, entry)
        shown = {"event": kind, "serial": serial, "text": text, **detail}
        self.line(" ".join(f"{k}={json.dumps(v)}" for k, v in shown.items() if v is not None))

    def _add(self, session: Session, entry: Event) -> None:
        session.add(entry)
        # Peers without any credential can cause entries, so the table has a bound.
        self._written += 1
        if self._written % _TRIM_EVERY == 0:
            newest = session.scalar(select(func.max(Event.id))) or 0
            session.execute(delete(Event).where(Event.id <= newest - MAX_EVENTS))


def show(line: str) -> None:
    """One line on stderr, with the time."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"{stamp} jrc: {line}", file=sys.stderr, flush=True)


def quiet_libraries() -> None:
    """Silence libraries whose log lines show peers' messages."""
    for name in ("coap", "coap-server", "httpx", "httpcore", "aiocoap.cryptography"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
