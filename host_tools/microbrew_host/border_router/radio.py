"""The border router's radio: a node of an ether, or a radio behind a line."""

from __future__ import annotations

import time
from collections.abc import Callable

from microbrew.radio.zep import ZepRadio
from microbrew_host.border_router.flows import HostAddress
from microbrew_host.radio_line import LINE_MS, LineRadio, check

HostRadio = ZepRadio | LineRadio


def clock() -> int:
    """Monotonic milliseconds."""
    return time.monotonic_ns() // 1000000


def opener(ether: HostAddress | None, line: str | None, line_ms: int = LINE_MS) -> Callable[[bytes], HostRadio]:
    """A function that makes the radio for an EUI-64: at ``ether``, or on ``line``. Raises ValueError for ``line``.

    ``line_ms``: longest way of a frame on the line, and of its acknowledgement back.
    """
    if line is not None:
        check(line)
        return lambda eui64: LineRadio(eui64, line, line_ms=line_ms)
    if ether is None:
        raise ValueError("no radio")
    host, port = ether
    return lambda eui64: ZepRadio(eui64, host, port, clock, lambda: time.time_ns() // 1000000)


def is_there(radio: HostRadio) -> bool:
    """Whether frames can come and go: an ether always takes them, a radio behind a line must have said hello."""
    return radio.is_up if isinstance(radio, LineRadio) else True


def on_readable(radio: HostRadio) -> Callable[[], None]:
    """What to call when the radio's ``fileno()`` is readable. It raises OSError if a line has ended."""
    return radio.on_readable if isinstance(radio, LineRadio) else lambda: None
