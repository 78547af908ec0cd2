"""The byte streams of ``--serial``: terminals, pseudo-terminals and TCP as one kind of thing, a file descriptor.

``PATH`` opens a terminal (a devkit, an emulator's pty), ``pty:PATH`` makes one and a symbolic link to it, ``tcp:``
connects and ``listen:`` accepts, one peer at a time. Where ``=EUI64`` follows, the other end may have no other address.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import socket
import termios
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from microbrew_host.ether.topology import parse_eui64

# About 60 messages: more than that is late, and a frame that is late is worse than one that is lost.
MAX_PENDING = 8192
_READ_SIZE = 4096


@dataclass(frozen=True)
class Endpoint:
    """What ``--serial`` says. ``kind``: tty, pty, tcp or listen; ``target``: a path, or HOST:PORT."""

    text: str
    kind: str
    target: str
    eui64: bytes | None = None


def parse(text: str) -> Endpoint:
    """An endpoint written as ``PATH``, ``pty:PATH``, ``tcp:HOST:PORT`` or ``listen:HOST:PORT``. Raises ValueError."""
    rest, equals, address = text.rpartition("=")
    eui64 = parse_eui64(address) if equals else None
    where = rest if equals else text
    kind, colon, target = where.partition(":")
    if not colon or kind not in ("pty", "tcp", "listen"):
        kind, target = "tty", where
    if not target:
        raise ValueError(f"--serial takes PATH, pty:PATH, tcp:HOST:PORT or listen:HOST:PORT, not {text!r}")
    if kind in ("tcp", "listen"):
        host_port(target)
    return Endpoint(text, kind, target, eui64)


def host_port(text: str) -> tuple[str, int]:
    """HOST:PORT as a pair. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"a HOST:PORT is wanted, not {text!r}")
    return host, int(port)


class Opener:
    """Opens an endpoint again and again. ``where`` tells what the other end is to use, once ``prepare`` was called."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.where = endpoint.target
        self._endpoint = endpoint
        self._server: socket.socket | None = None
        self._pty: tuple[int, int] | None = None

    def prepare(self) -> None:
        """Make what the other end opens or connects to: socket or pty. Raises OSError."""
        if self._endpoint.kind == "listen":
            host, port = host_port(self._endpoint.target)
            self._server = socket.create_server((host, port))
            self._server.setblocking(False)
            self.where = f"{host}:{self._server.getsockname()[1]}"
        elif self._endpoint.kind == "pty":
            # The slave stays open here too, so that the line outlives whoever uses it.
            self._pty = pty.openpty()
            _make_raw(self._pty[1])
            path = Path(self._endpoint.target)
            if path.is_symlink():
                path.unlink()
            path.symlink_to(os.ttyname(self._pty[1]))

    async def open(self) -> int:
        """A non-blocking descriptor of a fresh stream, which the caller closes. Raises OSError."""
        loop = asyncio.get_running_loop()
        if self._server is not None:
            peer, _ = await loop.sock_accept(self._server)
            return _detach(peer)
        if self._endpoint.kind == "tcp":
            with contextlib.closing(socket.socket()) as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, host_port(self._endpoint.target))
                return _detach(sock)
        if self._pty is not None:
            descriptor = os.dup(self._pty[0])
        else:
            descriptor = os.open(self._endpoint.target, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            os.set_blocking(descriptor, False)
            if self._pty is None:
                _make_raw(descriptor)
        except (OSError, termios.error) as error:
            os.close(descriptor)
            raise OSError(f"{self._endpoint.target} is no terminal") from error
        return descriptor

    def close(self) -> None:
        """Take away what ``prepare`` made."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._pty is not None:
            Path(self._endpoint.target).unlink(missing_ok=True)
            for descriptor in self._pty:
                os.close(descriptor)
            self._pty = None


def _make_raw(descriptor: int) -> None:
    tty.setraw(descriptor)
    settings = termios.tcgetattr(descriptor)
    settings[4] = settings[5] = termios.B115200
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)


def _detach(sock: socket.socket) -> int:
    sock.setblocking(False)
    # Frames are small and time matters.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock.detach()


class Line:
    """One open stream on ``descriptor``: data go to ``on_data``, and ``ended`` is set when it is over."""

    def __init__(self, descriptor: int, on_data: Callable[[bytes], None]) -> None:
        self.ended = asyncio.Event()
        self._descriptor = descriptor
        self._on_data = on_data
        self._pending = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._readable)

    @property
    def room(self) -> int:
        """Bytes that ``write`` would take."""
        return 0 if self.ended.is_set() else MAX_PENDING - len(self._pending)

    def write(self, data: memoryview | bytes) -> int:
        """Queue all of ``data``: its length, or 0 if there is no room."""
        if len(data) > self.room:
            return 0
        was_idle = not self._pending
        self._pending += data
        if was_idle:
            self._flush()
        return len(data)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        self.ended.set()

    def _flush(self) -> None:
        try:
            sent = os.write(self._descriptor, self._pending)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._pending[:sent]
        if self._pending:
            self._loop.add_writer(self._descriptor, self._flush)
        else:
            self._loop.remove_writer(self._descriptor)

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._on_data(data)
        else:
            self.close()
