"""Connection identifiers of our own (RFC 9528 section 3.3)."""

from __future__ import annotations

import os
from collections.abc import Container

# One byte each, also on the wire.
_SHORT = [bytes((value,)) for value in (*range(0x18), *range(0x20, 0x38))]


def choose(taken: Container[bytes], wanted: bytes | None = None) -> bytes:
    """``wanted`` if it is free, else a short identifier that is. Raises ValueError when there is none."""
    if wanted is not None:
        if wanted in taken:
            raise ValueError(f"connection identifier {wanted.hex() or '(empty)'} is taken")
        return wanted
    free = [value for value in _SHORT if value not in taken]
    if not free:
        raise ValueError("all connection identifiers are taken")
    return free[os.urandom(1)[0] % len(free)]
