"""The raw REPL of a board, over mpremote's serial transport."""

import contextlib
import io
import struct
import time
from collections.abc import Callable, Iterator
from typing import Self

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from microbrew_host.board.errors import BoardError

# Longest silence of a board that has something to say; it may be an emulated one on a busy machine.
_SILENCE_SECONDS = 10.0
_ENTER_SECONDS = 1.5
_ATTEMPTS = 12
_QUIET_SECONDS = 0.1
_BANNER = b"raw REPL; CTRL-B to exit\r\n"


class Failed(BoardError):
    """Code on the board raised; ``traceback`` is what the board printed, ``name`` its exception's class."""

    def __init__(self, traceback: str) -> None:
        last = traceback.strip().splitlines()[-1:] or [""]
        super().__init__("on the board: " + last[0])
        self.traceback = traceback
        self.name = last[0].partition(":")[0]


class Repl:
    """The raw REPL at the serial port ``path``, as a context: interrupts what runs, keeps what was defined.

    ``transport`` is mpremote's, for what is not here. Every method raises BoardError, for code that raised Failed.
    """

    def __init__(self, path: str, baudrate: int = 115200) -> None:
        with _sentences(path):
            self.transport = SerialTransport(path, baudrate=baudrate, timeout=_SILENCE_SECONDS)
        self._path = path

    def __enter__(self) -> Self:
        try:
            self._enter()
        except BaseException:
            self.transport.close()
            raise
        return self

    def _enter(self) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                # mpremote prints what it did not expect.
                self.transport.serial.timeout = _ENTER_SECONDS
                with _sentences(self._path), contextlib.redirect_stdout(io.StringIO()):
                    self.transport.enter_raw_repl(soft_reset=False, timeout_overall=_ENTER_SECONDS)
                    self._synchronise()
                return
            except BoardError:
                # A board that was just starting has not seen the ctrl-C, and runs its program by now.
                if attempt == _ATTEMPTS - 1:
                    raise BoardError(
                        f"{self._path}: nothing there that answers as MicroPython's REPL does, "
                        f"asked {_ATTEMPTS} times at {self.transport.serial.baudrate} baud"
                    ) from None

    def _synchronise(self) -> None:
        """Forget answers to what was typed before; the next one is to what comes now."""
        port = self.transport.serial
        port.timeout = _QUIET_SECONDS
        while port.read(4096):
            pass
        port.timeout = _ENTER_SECONDS
        port.write(b"\x01")
        if not self.transport.read_until(1, _BANNER, timeout=_ENTER_SECONDS).endswith(_BANNER):
            raise BoardError("no banner")
        port.timeout = _SILENCE_SECONDS

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            # So that who comes next, or a terminal, finds the board as it was.
            self.transport.exit_raw_repl()
        with contextlib.suppress(OSError):
            self.transport.close()
        # A board that lost its power cannot be told; the port is to be closed all the same.
        self.transport.serial.close()

    def __call__(self, code: str, timeout: float = 60) -> str:
        """What the code prints, without the last newline. ``timeout``: seconds of silence."""
        self.start(code)
        return self.result(timeout)

    def start(self, code: str) -> None:
        """Let the board begin with code that may never end."""
        with _sentences(self._path):
            self.transport.exec_raw_no_follow(code)

    def result(self, timeout: float = 60) -> str:
        """What code that was started has printed by its end."""
        with _sentences(self._path):
            out, error = self.transport.follow(timeout)
        if error:
            raise Failed(_text(error))
        return _text(out).strip()

    def stream(self, code: str, on_line: Callable[[str], None], timeout: float = 60) -> None:
        """Run code and hand over its lines as they come. ``timeout``: seconds of silence."""
        pending = bytearray()

        def take(data: bytes) -> None:
            for byte in data:
                if byte == 0x0A:
                    on_line(_text(bytes(pending)).rstrip("\r"))
                    pending.clear()
                elif byte != 0x04:
                    pending.append(byte)

        self.start(code)
        with _sentences(self._path):
            _, error = self.transport.follow(timeout, data_consumer=take)
        if pending:
            on_line(_text(bytes(pending)))
        if error:
            raise Failed(_text(error))

    def soft_reset(self) -> None:
        """Start the interpreter anew; the REPL goes on after it."""
        with _sentences(self._path):
            self.transport.enter_raw_repl(soft_reset=True)


@contextlib.contextmanager
def _sentences(path: str) -> Iterator[None]:
    try:
        yield
    except TransportExecError as error:
        raise Failed(_text(error.args[1].encode())) from None
    except TransportError as error:
        raise BoardError(f"{path}: {error}") from None
    except (struct.error, serial.SerialException) as error:
        raise BoardError(f"{path}: the board does not answer ({error})") from None


def _text(data: bytes) -> str:
    return data.decode(errors="replace").replace("\r\n", "\n")


def heard(path: str, until: str, seconds: float = 15) -> str:
    """Output of a board up to a text, without typing anything. Raises BoardError with what there was instead."""
    text = ""
    with serial.Serial(path, timeout=0.2) as port:
        end = time.monotonic() + seconds
        while until not in text and time.monotonic() < end:
            text += port.read(4096).decode(errors="replace")
    if until not in text:
        raise BoardError(f"{path}: no {until!r} in {text!r}")
    return text
