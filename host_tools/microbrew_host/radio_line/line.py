"""``LineRadio``: a SerialRadio whose line this process opens and waits for with a selector.

The other end is a devkit with the bridge image (docs/nrf52840dk.md), or an ether that plays a radio
(``microbrew ether --serial pty:PATH``). Left out: opening a line again that has ended; who runs a service restarts it.
"""

import os
import socket
import termios
import time
import tty
from io import FileIO

from microbrew.radio.serial import SerialRadio

_BAUDRATE = termios.B115200
_CONNECT_S = 10.0
# The longest frame to the radio and an acknowledgement back, at that rate.
LINE_MS = 30


def check(text: str) -> tuple[str, str]:
    """(``serial`` or ``tcp``, target) of what ``--radio`` says. Raises ValueError."""
    kind, colon, target = text.partition(":")
    if not colon or kind not in ("serial", "tcp") or not target:
        raise ValueError(f"--radio takes serial:PATH or tcp:HOST:PORT, not {text!r}")
    if kind == "tcp":
        host, colon, port = target.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"--radio tcp: takes HOST:PORT, not {target!r}")
    return kind, target


def _open_terminal(path: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(descriptor)
        settings = termios.tcgetattr(descriptor)
        settings[4] = settings[5] = _BAUDRATE
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
        # What came before somebody listened is half a message.
        termios.tcflush(descriptor, termios.TCIFLUSH)
    except termios.error as error:
        os.close(descriptor)
        raise OSError(f"{path} is no terminal") from error
    return descriptor


def _open_socket(target: str) -> int:
    host, _, port = target.rpartition(":")
    sock = socket.create_connection((host, int(port)), _CONNECT_S)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock.detach()


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class LineRadio(SerialRadio):
    """The radio that ``where`` names, as ``eui64``. Raises ValueError for ``where``, OSError if it cannot be opened.

    ``line_ms``: as of SerialRadio; more for a radio behind a slow network, or one that is emulated.
    """

    def __init__(self, eui64: bytes, where: str, promiscuous: bool = False, line_ms: int = LINE_MS) -> None:
        kind, target = check(where)
        self.where = where
        descriptor = _open_terminal(target) if kind == "serial" else _open_socket(target)
        self._file = FileIO(descriptor, "r+b")
        super().__init__(eui64, self._file, _clock_ms, line_ms, promiscuous)

    def fileno(self) -> int:
        """For a selector."""
        return self._file.fileno()

    def on_readable(self) -> None:
        """What a selector is to call. Raises OSError when the line has ended."""
        self.wait(0)

    def close(self) -> None:
        """Close the line; the radio at its end falls silent by itself."""
        self._file.close()
