"""Where a UART's other end is: a pseudo-terminal, or standard input and output."""

from __future__ import annotations

import contextlib
import os
import pty
import sys
import tty

_CHUNK = 4096
# What is kept for somebody who does not read; the rest is lost, as on a line that nobody listens to.
_MOST = 1 << 20


class Console:
    """Two descriptors. ``path``: the pseudo-terminal, None for standard input and output."""

    def __init__(self, kind: str) -> None:
        self.path: str | None = None
        self._held: list[int] = []
        self._out = bytearray()
        if kind == "pty":
            ours, theirs = pty.openpty()
            tty.setraw(theirs)
            # The other end stays open here too, so that reading never finds the line broken.
            self._held = [ours, theirs]
            self.path = os.ttyname(theirs)
            self._input, self._output = ours, ours
            os.set_blocking(ours, False)
        elif kind == "stdio":
            self._input, self._output = sys.stdin.fileno(), sys.stdout.fileno()
        else:
            raise ValueError(f"a console is pty or stdio, not {kind!r}")
        self._ended = False

    def inputs(self) -> list[int]:
        """What to wait for."""
        return [] if self._ended else [self._input]

    def close(self) -> None:
        """Let go of it."""
        self.flush()
        for descriptor in self._held:
            os.close(descriptor)
        self._held = []

    def put(self, byte: int) -> None:
        """A byte that the board has sent; it leaves at the next ``flush``."""
        if len(self._out) < _MOST:
            self._out.append(byte)

    def flush(self) -> None:
        """Pass on what the reader takes."""
        while self._out:
            try:
                count = os.write(self._output, self._out[:_CHUNK])
            except BlockingIOError:
                return
            except OSError:
                self._out.clear()
                return
            del self._out[:count]

    def take(self) -> bytes:
        """What has been typed; call it when there is something."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._input, _CHUNK)
            self._ended = not data
        return data
